using System.Buffers;
using OptimSharp.Kernels;
using OptimSharp.Torch.Native;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// A TorchSharp tensor as a parameter: the optimizer changes the tensor in place by the gradient that <c>backward()</c> left in
/// it. Contiguous tensors in this process's memory are changed through their pointers, without copies.
/// </summary>
/// <remarks>Made by <see cref="TorchExtensions.Parameters"/> for a module and by <see cref="TorchExtensions.AsParameter(torch.Tensor, string)"/> for a tensor.</remarks>
public sealed unsafe class TorchParameter : Parameter
{
    readonly bool onHost;
    readonly sbyte type;   // as libtorch
    readonly int device;   // numbers them
    nint plainGradient;    // during a step: a copy of a gradient that is not contiguous…
    bool rowsAreCopy;
    torch.Tensor? indices, rows; // …or, of a sparse one, its parts in host memory

    /// <param name="tensor">The tensor.</param>
    /// <param name="name">The name.</param>
    /// <param name="byPointer">False keeps tensors that pointers could reach on the torch backend, for tests.</param>
    /// <param name="isBuffer">Whether whole numbers are allowed: no optimizer gets it.</param>
    internal TorchParameter(torch.Tensor tensor, string name, bool byPointer = true, bool isBuffer = false)
        : base(name, Check(tensor, name).shape, TypeOf(tensor, name, isBuffer))
    {
        Tensor = tensor;
        type = (sbyte)tensor.dtype;
        device = (int)tensor.device_type;
        onHost = byPointer && tensor.device_type == DeviceType.CPU && tensor.is_contiguous();
        Identity = new TensorIdentity(tensor);
    }

    /// <summary>The tensor itself, not a copy.</summary>
    public torch.Tensor Tensor { get; }

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

    internal override Backend Backend => onHost ? HostBackend.Instance : TorchBackend.Instance;

    internal override object Identity { get; }

    internal override MemoryExtent? Extent(ICollection<MemoryHandle> pins)
    {
        nint tensor = Handle;
        long memory = Tensor.device_type == DeviceType.CPU ? 0 : (long)Tensor.device_type << 32 | (uint)Tensor.device_index;
        return new(memory, LibTorchSharp.Address(tensor), ElementType.Size(), Tensor.shape, LibTorchSharp.IsContiguous(tensor) != 0 ? null : Tensor.stride());
    }

    nint Handle => !Tensor.IsInvalid ? Tensor.Handle : throw new InvalidOperationException(
        $"Parameter {this} was disposed. module.to(…) gives a module new parameters: call optimizer.Rebind(model.Parameters()) after it, or make the optimizer after it.");

    internal override Address Locate()
    {
        nint tensor = Handle;
        return onHost ? new(LibTorchSharp.Data(tensor)) : default;
    }

    internal override bool IsUsable => !Tensor.IsInvalid;

    internal override void CopyTo(StateTensor target)
    {
        _ = Handle; // throws when disposed
        if (target is TorchState state)
            state.Set(Tensor);
        else if (!onHost && target is HostTensor host && host.Type == ElementType)
            Tensors.Read(Tensor, host.Start, ElementType);
        else
            base.CopyTo(target);
    }

    internal override void CopyFrom(StateTensor source)
    {
        _ = Handle;
        if (source is TorchState state)
            state.Get(Tensor);
        else if (!onHost && source is HostTensor host && host.Type == ElementType)
            Tensors.Write(host.Start, Tensor);
        else
            base.CopyFrom(source);
        GC.KeepAlive(source);
    }

    internal override bool BeginStep(out HostMemory memory)
    {
        memory = default;
        nint tensor = Handle, grad = LibTorchSharp.Grad(tensor);
        if (grad == 0)
            return false;
        try
        {
            CheckGradient(grad);
            if (LibTorchSharp.IsSparse(grad) != 0)
            {
                OpenSparse();
                memory = new(onHost ? new(LibTorchSharp.Data(tensor)) : default, default,
                    new(new(LibTorchSharp.Data(indices!.Handle)), new(LibTorchSharp.Data(rows!.Handle)), (int)rows.shape[0]), rowsAreCopy);
            }
            else if (onHost)
            {
                if (LibTorchSharp.IsContiguous(grad) == 0 || ElementType.IsComplex() && LibTorchSharp.IsConjugate(grad) != 0)
                    plainGradient = LibTorchSharp.Plain(grad);
                memory = new(new(LibTorchSharp.Data(tensor)), new(LibTorchSharp.Data(plainGradient != 0 ? plainGradient : grad)), IsCopy: plainGradient != 0);
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
        var grad = Tensor.grad!.detach();
        if (rows is not null)
            grad.SparseValues.copy_(rows);
        else if (plainGradient != 0)
            LibTorchSharp.Dispose(LibTorchSharp.Copy(grad.Handle, plainGradient, 0));
    }

    internal override void Read<T>(T* to, bool ofGradient)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        _ = Handle; // throws when disposed
        if ((ofGradient ? Tensor.grad : Tensor) is not { } source)
        {
            System.Runtime.InteropServices.NativeMemory.Clear(to, (nuint)(Numbers * sizeof(T)));
            return;
        }
        if (ofGradient)
        {
            nint grad = LibTorchSharp.Grad(Handle);
            try
            {
                CheckGradient(grad);
            }
            finally
            {
                LibTorchSharp.Dispose(grad);
            }
        }
        var plain = source.detach();
        plain = (plain.is_sparse ? plain.to_dense() : plain).resolve_conj().cpu().contiguous();
        Storage.Load((void*)LibTorchSharp.Data(plain.Handle), ElementType.Real(), to, (nint)Numbers);
    }

    internal override void Write<T>(T* from)
    {
        if (onHost)
        {
            Storage.Save(from, (void*)LibTorchSharp.Data(Handle), ElementType.Real(), (nint)Numbers);
            return;
        }
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var copy = torch.empty(Tensor.shape, dtype: Tensor.dtype);
        Storage.Save(from, (void*)LibTorchSharp.Data(copy.Handle), ElementType.Real(), (nint)Numbers);
        Tensor.detach().copy_(copy);
    }

    internal override IDisposable EnterClosure() => torch.enable_grad();

    internal override void EndStep()
    {
        if (plainGradient != 0)
            LibTorchSharp.Dispose(plainGradient);
        plainGradient = 0;
        CloseSparse();
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
        var shape = Shape;
        bool same = LibTorchSharp.Dimensions(grad) == shape.Length;
        for (int i = 0; same && i < shape.Length; i++)
            same = LibTorchSharp.Size(grad, i) == shape[i];
        if (!same)
            throw new InvalidOperationException($"The gradient of parameter {this} has another shape, [{string.Join(", ", ShapeOf(grad))}].");
    }

    static IEnumerable<long> ShapeOf(nint tensor) =>
        Enumerable.Range(0, (int)LibTorchSharp.Dimensions(tensor)).Select(i => LibTorchSharp.Size(tensor, i));

    /// <summary>A sparse gradient's rows in host memory. They stay uncoalesced: the engine sums duplicates in one order.</summary>
    void OpenSparse()
    {
        using var scope = torch.NewDisposeScope();
        using var noGrad = torch.no_grad();
        var sparse = Tensor.grad!.detach();
        var where = sparse.SparseIndices;
        if (where.shape[0] != 1)
            throw new InvalidOperationException($"The gradient of parameter {this} is sparse in {where.shape[0]} dimensions; optimizers take sparse rows of the first dimension, as Embedding(sparse: true) makes them. Give a dense gradient.");
        indices = where.cpu().contiguous().DetachFromDisposeScope();
        var values = sparse.SparseValues;
        rows = values.resolve_conj().cpu().contiguous().DetachFromDisposeScope();
        rowsAreCopy = values.numel() > 0 && LibTorchSharp.Data(values.Handle) != LibTorchSharp.Data(rows.Handle);
    }

    void CloseSparse()
    {
        indices?.Dispose();
        rows?.Dispose();
        (indices, rows) = (null, null);
    }

    static TorchParameter()
    {
        LossValue.Register(loss => loss is torch.Tensor tensor ? ReadLoss(tensor) : null);
        OpenMPThreads.Use();
    }

    static double ReadLoss(torch.Tensor loss)
    {
        if (loss.numel() != 1)
            throw new InvalidOperationException($"The closure returned a loss of {loss.numel()} elements; it must be one number, as loss.sum() or loss.mean().");
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return loss.detach().to_type(torch.float64).cpu().item<double>();
    }

    static torch.Tensor Check(torch.Tensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.IsInvalid)
            throw new ArgumentException($"The tensor of parameter '{name}' was disposed.", nameof(tensor));
        if (tensor.is_sparse)
            throw new ArgumentException($"Parameter '{name}' is a sparse tensor; parameters are dense, their gradients may be sparse.", nameof(tensor));
        if (!tensor.is_leaf)
            throw new ArgumentException($"Parameter '{name}' was computed from other tensors, so backward() leaves no gradient in it. Optimize the tensors that it was computed from, or tensor.detach().", nameof(tensor));
        return tensor;
    }

    static ElementType TypeOf(torch.Tensor tensor, string name, bool isBuffer) =>
        tensor.dtype.ToElementType() is { } type && (type.IsTrainable() || isBuffer) ? type : throw new ArgumentException(
            $"Parameter '{name}' has elements of type {tensor.dtype}; optimizers change Float32, Float64, Float16, BFloat16, ComplexFloat32 and ComplexFloat64.", nameof(tensor));
}
