using System.Buffers;
using OptimSharp.Cuda;
using OptimSharp.Engine;
using OptimSharp.Torch.Native;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// A TorchSharp tensor as a parameter: the optimizer changes the tensor in place by the gradient that <c>backward()</c> left in
/// it. Contiguous tensors in this process's memory are changed through their pointers, without copies.
/// </summary>
/// <remarks>Made by <see cref="TorchExtensions.Parameters"/> for a module and by <see cref="TorchExtensions.AsParameter(torch.Tensor, string)"/> for a tensor.</remarks>
public sealed unsafe partial class TorchParameter : Parameter, ICudaPlaced
{
    readonly bool onHost;
    readonly bool isForced; // to be computed by tensor operators though it is the CPU's
    readonly bool isLazy; // its memory holds other numbers: a buffer
    readonly sbyte type;   // as libtorch
    readonly int device;   // numbers them
    readonly int index;    // which of these devices
    readonly CudaDevice? kernels;

    /// <param name="tensor">The tensor.</param>
    /// <param name="name">The name.</param>
    /// <param name="byPointer">False keeps tensors that pointers could reach on the torch backend, for tests.</param>
    /// <param name="isBuffer">Whether whole numbers are allowed: no optimizer gets it.</param>
    /// <param name="kernels">A device whose kernels are to be used for it though it is the CPU's, for tests.</param>
    internal TorchParameter(torch.Tensor tensor, string name, bool byPointer = true, bool isBuffer = false, CudaDevice? kernels = null)
        : base(name, Check(tensor, name).shape, TypeOf(tensor, name, isBuffer))
    {
        Tensor = tensor;
        type = (sbyte)tensor.dtype;
        device = (int)tensor.device_type;
        index = tensor.device_index;
        isForced = !byPointer;
        this.kernels = kernels ?? (tensor.device_type == DeviceType.CUDA ? TorchKernels.DeviceAt(index) : null); // a device is tried now: later the model may have filled it
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

    /// <summary>Whether it is on the <c>meta</c> device: it has no memory, and is for <see cref="Optimizer.MemoryReport"/> only.</summary>
    public override bool IsMeta => device == (int)DeviceType.META;

    /// <summary>
    /// Whether whole-tensor optimizers compute by libtorch's operators, where the tensor is. A tensor of the CPU that is not contiguous is copied instead: so its bits are those of a contiguous one.
    /// </summary>
    internal bool ComputesThere => !onHost && !IsMeta && (isForced || device != (int)DeviceType.CPU);

    /// <summary>The device whose kernels reach it; null: there are none, and tensor operators are used.</summary>
    internal CudaDevice? Kernels => kernels;

    /// <summary>Where the numbers begin, row by row; 0: they lie otherwise. During a step.</summary>
    internal nint PlainAddress => LibTorchSharp.IsContiguous(Handle) != 0 ? LibTorchSharp.Address(Handle) : 0;

    /// <summary>Where the gradient's numbers begin, row by row; 0: they lie otherwise. During a step, of one that is dense.</summary>
    internal nint PlainGradient
    {
        get
        {
            nint grad = LibTorchSharp.Grad(Handle);
            if (grad == 0)
                return 0;
            nint address = LibTorchSharp.IsSparse(grad) == 0 && IsPlain(grad) ? LibTorchSharp.Address(grad) : 0;
            LibTorchSharp.Release(grad); // the tensor still has it
            return address;
        }
    }

    /// <summary>The device that it is on.</summary>
    internal (DeviceType Type, int Index) Place => ((DeviceType)device, index);

    internal override Backend Backend => onHost ? HostBackend.Instance : IsMeta ? MetaBackend.Instance  : !HasStateOnHost ? TorchBackend.Instance : TorchKernels.OffloadOf(Kernels);

    ParameterPlace? ICudaPlaced.Place => TorchKernels.Reach(this) ? new(PlainAddress, PlainGradient) : null;

    internal override object Identity { get; }

    internal override MemoryExtent? Extent(ICollection<MemoryHandle> pins)
    {
        if (IsMeta)
            return null;
        nint tensor = Handle;
        long memory = Tensor.device_type == DeviceType.CPU ? 0 : (long)Tensor.device_type << 32 | (uint)Tensor.device_index;
        return new(memory, LibTorchSharp.Address(tensor), ElementType.Size(), Tensor.shape, LibTorchSharp.IsContiguous(tensor) != 0 ? null : Tensor.stride());
    }

    nint Handle => !Tensor.IsInvalid ? Tensor.Handle : throw new InvalidOperationException(
        $"Parameter {this} was disposed. module.to(…) gives a module new parameters: call optimizer.Rebind(model.Parameters()) after it, and Rebind of averages; or make them after it.");

    /// <summary>
    /// The handle of a tensor that still is what it was when the parameter was made. set_ and others give it another shape in place, or lay it out in another
    /// way; type and device are its own for good: set_ to a tensor of another type leaves the type, and takes the memory only where that is large enough.
    /// </summary>
    nint Opened
    {
        get
        {
            nint tensor = !IsMeta ? Handle : throw MetaParameter.Refused(this);
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

    /// <summary>The tensor, or its gradient, to be read; null where there is no gradient. Of the current dispose scope.</summary>
    internal torch.Tensor? Source(bool ofGradient)
    {
        nint tensor = Opened;
        if (!ofGradient)
            return Tensor.detach();
        if (Tensor.grad is not { } gradient)
            return null;
        nint grad = LibTorchSharp.Grad(tensor);
        try
        {
            CheckGradient(grad);
        }
        finally
        {
            LibTorchSharp.Dispose(grad);
        }
        return gradient.detach();
    }

    /// <summary>The tensor, to be written to.</summary>
    internal torch.Tensor Target
    {
        get
        {
            _ = Writable;
            return Tensor;
        }
    }

    internal override void Read<T>(T* to, bool ofGradient)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        if (!onHost)
            HostCopies.Count++;
        if (Source(ofGradient) is not { } source)
        {
            System.Runtime.InteropServices.NativeMemory.Clear(to, checked((nuint)Numbers * (nuint)sizeof(T)));
            return;
        }
        var plain = (source.is_sparse ? source.to_dense() : source).resolve_conj().resolve_neg().cpu().contiguous();
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
        HostCopies.Count++;
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var copy = torch.empty(Tensor.shape, dtype: Tensor.dtype);
        Storage.Save(from, (void*)LibTorchSharp.Data(copy.Handle), ElementType.Real(), (nint)Numbers);
        Tensor.detach().copy_(copy);
    }

    internal override IDisposable EnterClosure() => torch.enable_grad();

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
