using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

// The gradient: opened for a step, as it lies or as a copy, changed, zeroed.
public sealed unsafe partial class TorchParameter
{
    nint plainGradient;    // during a step: a copy of a gradient that is not contiguous…
    bool rowsAreCopy;
    torch.Tensor? given; // a gradient that was set here, kept for the next
    torch.Tensor? indices, rows; // …or, of a sparse one, its parts in host memory

    /// <inheritdoc/>
    public override bool HasGradient
    {
        get
        {
            nint grad = LibTorchSharp.Grad(Handle);
            if (grad != 0)
                LibTorchSharp.Dispose(grad);
            return grad != 0;
        }
    }

    internal override (long Count, long Bytes)? GradientSize
    {
        get
        {
            if (IsMeta || !HasGradient || Tensor.grad is not { is_sparse: true } sparse)
                return base.GradientSize;
            using var scope = torch.NewDisposeScope();
            long indices = sparse.SparseIndices.numel(), count = sparse.SparseValues.numel();
            return (count, indices * sizeof(long) + count * ElementType.Size());
        }
    }

    internal override bool BeginStep(GradientUse use, out HostMemory memory)
    {
        memory = default;
        if (IsMeta)
            throw MetaParameter.Refused(this, "Step");
        nint tensor = Handle, grad = LibTorchSharp.Grad(tensor);
        if (grad == 0)
            return false;
        if (plainGradient != 0 || rows is not null)
        {
            LibTorchSharp.Release(grad);
            throw new InvalidOperationException($"Parameter {this} is in a step already, from within which this was called.");
        }
        try
        {
            if (!onHost)
                _ = Writable;
            else if (use != GradientUse.Read)
                _ = Opened;
            else if (LibTorchSharp.IsContiguous(tensor) == 0 || LibTorchSharp.Count(tensor) != Count)
                throw ChangedInPlace(tensor); // sizes lie elsewhere in memory than all else that a step looks at: only the gradient's are compared here
            CheckGradient(grad);
            if (onHost && IsPlain(grad) && (Count > 0 || LibTorchSharp.IsSparse(grad) == 0)) // without elements a sparse one counts as contiguous
            {
                memory = new(AddressOf(tensor), AddressOf(grad));
            }
            else if (LibTorchSharp.IsSparse(grad) != 0)
            {
                OpenSparse(use);
                memory = new(onHost ? AddressOf(tensor) : default, default,
                    new(new(LibTorchSharp.Data(indices!.Handle)), new(LibTorchSharp.Data(rows!.Handle)), checked((int)rows.shape[0])), rowsAreCopy);
            }
            else if (!onHost)
            {
                if (use != GradientUse.Read)
                    CheckWritable(grad);
            }
            else
            {
                if (use == GradientUse.Write)
                    CheckWritable(grad);
                plainGradient = LibTorchSharp.Plain(grad);
                memory = new(AddressOf(tensor), AddressOf(plainGradient), IsCopy: true);
            }
        }
        catch
        {
            EndStep();
            throw;
        }
        finally
        {
            LibTorchSharp.Release(grad); // the tensor still has it
        }
        return true;
    }

    internal override void KeepGradient()
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        if (Tensor.grad?.detach() is not { } grad)
            return; // removed from within the step
        if (rows is not null)
        {
            grad.SparseValues.copy_(rows);
        }
        else if (plainGradient != 0)
        {
            grad.copy_(torch.Tensor.UnsafeCreateTensor(LibTorchSharp.Plain(plainGradient))); // another handle, of the scope
        }
    }

    internal override void* LocateGradient()
    {
        nint grad = LibTorchSharp.Grad(Handle);
        void* place = LibTorchSharp.Data(grad);
        LibTorchSharp.Release(grad);
        return place;
    }

    internal override void EndStep()
    {
        if (plainGradient != 0)
            LibTorchSharp.Dispose(plainGradient);
        plainGradient = 0;
        CloseSparse();
    }

    internal override void CheckZeroGrad(bool setToNull)
    {
        nint tensor = Handle, grad = setToNull ? 0 : LibTorchSharp.Grad(tensor);
        if (grad == 0)
            return;
        try
        {
            if (LibTorchSharp.IsSparse(grad) == 0 && LibTorchSharp.IsContiguous(grad) == 0)
                CheckWritable(grad);
        }
        finally
        {
            LibTorchSharp.Release(grad);
        }
    }

    internal override void TakeGradient(byte* from)
    {
        using var noGrad = torch.no_grad();
        var shape = Tensor.shape;
        if (given is not { IsInvalid: false } || !given.shape.SequenceEqual(shape))
            given = torch.empty(shape, dtype: Tensor.dtype, device: Tensor.device).DetachFromDisposeScope();
        if (given.device_type == DeviceType.CPU)
            Buffer.MemoryCopy(from, LibTorchSharp.Data(given.Handle), Count * ElementType.Size(), Count * ElementType.Size());
        else
            Tensors.Write(from, given);
        Tensor.grad = given;
    }

    internal override void ZeroGrad(bool setToNull)
    {
        nint tensor = Handle;
        if (setToNull)
        {
            LibTorchSharp.SetGrad(tensor, 0);
            return;
        }
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        if (Tensor.grad is not { } gradient)
            return;
        if (gradient.requires_grad)
            Tensor.grad = gradient = gradient.detach(); // detach_ refuses views
        gradient.zero_();
    }

    void CheckGradient(nint grad)
    {
        if (LibTorchSharp.Type(grad) != type)
            throw new InvalidOperationException($"The gradient of parameter {this} has elements of another type, {(torch.ScalarType)LibTorchSharp.Type(grad)}.");
        if (LibTorchSharp.DeviceType(grad) != device)
            throw new InvalidOperationException($"The gradient of parameter {this} is on another device, {(DeviceType)LibTorchSharp.DeviceType(grad)}.");
        if (!HasShape(grad))
            throw !HasShape(Handle) ? ChangedInPlace(Handle) : new InvalidOperationException($"The gradient of parameter {this} has another shape, [{string.Join(", ", ShapeOf(grad))}].");
    }

    /// <summary>Throws when what is written to one element of a gradient would be in another one, too.</summary>
    void CheckWritable(nint grad)
    {
        if (Tensors.ShareElements(grad))
            throw new InvalidOperationException($"The gradient of parameter {this} has elements that share their memory (it was expanded, say), so it can't be changed in place. Give it memory of its own: gradient.clone().");
        if (!onHost && ElementType.IsComplex() && LibTorchSharp.IsNegative(grad) != 0)
            throw new InvalidOperationException($"The gradient of parameter {this} is lazily negated, so it can't be changed in place. Give gradient.resolve_neg().");
    }

    /// <summary>Whether a gradient's memory holds its elements, row by row. A sparse one's does not.</summary>
    bool IsPlain(nint grad) => LibTorchSharp.IsContiguous(grad) != 0 && LibTorchSharp.IsNegative(grad) == 0
        && (!ElementType.IsComplex() || LibTorchSharp.IsConjugate(grad) == 0);

    /// <summary>A sparse gradient's rows in host memory. They stay uncoalesced: the engine sums duplicates in one order.</summary>
    void OpenSparse(GradientUse use)
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        var sparse = Tensor.grad!.detach();
        var where = sparse.SparseIndices;
        if (where.shape[0] != 1)
            throw new InvalidOperationException($"The gradient of parameter {this} is sparse in {where.shape[0]} dimensions; optimizers take sparse rows of the first dimension, as Embedding(sparse: true) makes them. Give a dense gradient.");
        indices = where.cpu().contiguous().DetachFromDisposeScope();
        var values = sparse.SparseValues;
        if (use == GradientUse.Write && Tensors.ShareElements(values.Handle))
            throw new InvalidOperationException($"The sparse gradient of parameter {this} has values that share their memory, so they can't be changed in place. Give them memory of their own.");
        rows = values.resolve_conj().resolve_neg().cpu().contiguous().DetachFromDisposeScope();
        rowsAreCopy = values.numel() > 0 && LibTorchSharp.Data(values.Handle) != LibTorchSharp.Data(rows.Handle);
    }

    void CloseSparse()
    {
        indices?.Dispose();
        rows?.Dispose();
        (indices, rows) = (null, null);
    }
}
