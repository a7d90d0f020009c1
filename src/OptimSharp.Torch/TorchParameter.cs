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
    readonly bool isLazy; // its memory holds other numbers: a buffer
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
        isLazy = tensor.is_neg() || tensor.is_conj();
        onHost = byPointer && tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && !isLazy;
        if (!isBuffer && isLazy)
            throw new ArgumentException($"Parameter '{name}' is a tensor whose memory holds other numbers, which libtorch conjugates or negates when they are read. Give tensor.resolve_conj().resolve_neg().", nameof(tensor));
        if (!isBuffer && Tensors.ShareElements(tensor.Handle))
            throw new ArgumentException($"Parameter '{name}' has elements that share their memory: it can't be changed. Give tensor.clone().", nameof(tensor));
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

    /// <summary>
    /// The handle of a tensor that still is what it was when the parameter was made. set_ and others give it another shape in place, or lay it out in another
    /// way; type and device are its own for good: set_ to a tensor of another type leaves the type, and takes the memory only where that is large enough.
    /// </summary>
    nint Opened
    {
        get
        {
            nint tensor = Handle;
            return HasShape(tensor) && (!onHost || LibTorchSharp.IsContiguous(tensor) != 0) ? tensor : throw ChangedInPlace(tensor);
        }
    }

    /// <summary><see cref="Opened"/>, to be written to.</summary>
    nint Writable
    {
        get
        {
            nint tensor = Opened;
            if (!onHost && Tensors.ShareElements(tensor))
                throw new InvalidOperationException($"Parameter {this} has elements that share their memory: it can't be changed. Give it memory of its own, tensor.clone().");
            return tensor;
        }
    }

    internal override Address Locate()
    {
        nint tensor = Opened;
        return onHost ? AddressOf(tensor) : default;
    }

    internal override bool IsUsable => !Tensor.IsInvalid;

    internal override void CopyTo(StateTensor target)
    {
        _ = Opened;
        if (target is TorchState state)
            state.Set(Tensor);
        else if (!onHost && target is HostTensor host && host.Type == ElementType)
            Tensors.Read(Tensor, host.Start, ElementType);
        else
            base.CopyTo(target);
    }

    internal override void CopyFrom(StateTensor source)
    {
        _ = Writable;
        if (source is TorchState state)
            state.Get(Tensor);
        else if (!onHost && source is HostTensor host && host.Type == ElementType)
            Tensors.Write(host.Start, Tensor);
        else
            base.CopyFrom(source);
        GC.KeepAlive(source);
    }

    internal override bool BeginStep(GradientUse use, out HostMemory memory)
    {
        memory = default;
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

    internal override void Read<T>(T* to, bool ofGradient)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        nint tensor = Opened;
        if ((ofGradient ? Tensor.grad : Tensor) is not { } source)
        {
            System.Runtime.InteropServices.NativeMemory.Clear(to, checked((nuint)Numbers * (nuint)sizeof(T)));
            return;
        }
        if (ofGradient)
        {
            nint grad = LibTorchSharp.Grad(tensor);
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
        plain = (plain.is_sparse ? plain.to_dense() : plain).resolve_conj().resolve_neg().cpu().contiguous();
        Storage.Load((void*)LibTorchSharp.Data(plain.Handle), ElementType.Real(), to, (nint)Numbers);
    }

    internal override void Write<T>(T* from)
    {
        nint tensor = Writable;
        if (onHost)
        {
            Storage.Save(from, (void*)LibTorchSharp.Data(tensor), ElementType.Real(), (nint)Numbers);
            GC.KeepAlive(this);
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

    bool HasShape(nint tensor)
    {
        var shape = Shape;
        bool same = LibTorchSharp.Dimensions(tensor) == shape.Length;
        for (int i = 0; same && i < shape.Length; i++)
            same = LibTorchSharp.Size(tensor, i) == shape[i];
        return same;
    }

    /// <summary>Where the elements of a plain tensor of the parameter's shape are.</summary>
    Address AddressOf(nint tensor)
    {
        void* data = LibTorchSharp.Data(tensor);
        return data != null || Count == 0 ? new(data)
            : throw new InvalidOperationException($"There is no memory behind a tensor of parameter {this}.");
    }

    InvalidOperationException ChangedInPlace(nint tensor)
    {
        string strides = LibTorchSharp.IsContiguous(tensor) != 0 ? "" : $" with strides [{string.Join(", ", Dimensions(tensor).Select(i => LibTorchSharp.Stride(tensor, i)))}]";
        return new($"The tensor of parameter {this} was changed in place: it is [{string.Join(", ", ShapeOf(tensor))}] {(torch.ScalarType)LibTorchSharp.Type(tensor)} on {(DeviceType)LibTorchSharp.DeviceType(tensor)}{strides} now. Copy values into it instead; or call optimizer.Rebind(model.Parameters()), or make parameter and optimizer anew.");
    }

    static IEnumerable<long> ShapeOf(nint tensor) => Dimensions(tensor).Select(i => LibTorchSharp.Size(tensor, i));

    static IEnumerable<int> Dimensions(nint tensor) => Enumerable.Range(0, (int)LibTorchSharp.Dimensions(tensor));

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
