using System.Runtime.InteropServices;

namespace OptimSharp.Torch;

/// <summary>
/// The C functions of TorchSharp's native library that a step needs for each parameter. TorchSharp's own properties make a
/// finalizable object a call; these make none.
/// </summary>
/// <remarks>
/// None of them throws: where libtorch does, they return 0 and keep its message. Those that can fail on a tensor that is there are private, each behind a method that
/// looks at what came back.
/// </remarks>
internal static unsafe partial class LibTorchSharp
{
    const string Library = "LibTorchSharp";

    /// <summary>A new handle to the gradient, to be given to <see cref="Dispose"/>; 0: there is none.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_grad"), SuppressGCTransition]
    public static partial nint Grad(nint tensor);

    /// <summary>Sets the gradient; 0 removes it.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_set_grad")]
    public static partial void SetGrad(nint tensor, nint grad);

    [LibraryImport(Library, EntryPoint = "THSTensor_dispose")]
    public static partial void Dispose(nint tensor);

    /// <summary>Gives back a handle to a tensor that something else holds, too: so nothing is freed, and the call is short.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_dispose"), SuppressGCTransition]
    public static partial void Release(nint tensor);

    /// <summary>The address of the first element; the storage offset is included. Null where there is no element, or no memory.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_data"), SuppressGCTransition]
    public static partial void* Data(nint tensor);

    /// <summary><see cref="Data"/> as a number, also of another device; 0 for a tensor without elements.</summary>
    public static nint Address(nint tensor) => (nint)Data(tensor);

    /// <summary>The element type, as a <see cref="TorchSharp.torch.ScalarType"/>.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_type"), SuppressGCTransition]
    public static partial sbyte Type(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_ndimension"), SuppressGCTransition]
    public static partial long Dimensions(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_numel"), SuppressGCTransition]
    public static partial long Count(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_size"), SuppressGCTransition]
    public static partial long Size(nint tensor, long dimension);

    /// <summary>How far it is to the next element of a dimension, in elements.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_stride"), SuppressGCTransition]
    public static partial long Stride(nint tensor, long dimension);

    [LibraryImport(Library, EntryPoint = "THSTensor_device_type"), SuppressGCTransition]
    public static partial int DeviceType(nint tensor);

    // These return a C bool or int: only the lowest byte is sure to be set.

    /// <summary>Whether elements lie row by row, without gaps. False for one that is not dense, too.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_is_contiguous"), SuppressGCTransition]
    public static partial byte IsContiguous(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_is_sparse"), SuppressGCTransition]
    public static partial byte IsSparse(nint tensor);

    /// <summary>Whether the memory holds the conjugates of the elements.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_is_conj"), SuppressGCTransition]
    public static partial byte IsConjugate(nint tensor);

    /// <summary>Whether the memory holds the elements with the other sign.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_is_neg"), SuppressGCTransition]
    public static partial byte IsNegative(nint tensor);

    /// <summary>A new handle to a tensor of the same elements, each where its index says, as it is.</summary>
    /// <exception cref="InvalidOperationException">libtorch can't make one.</exception>
    public static nint Plain(nint tensor)
    {
        nint conjugated = 0, negated = 0;
        try
        {
            conjugated = Checked(ResolveConjugate(tensor));
            negated = Checked(ResolveNegative(conjugated));
            return Checked(Contiguous(negated));
        }
        finally
        {
            if (conjugated != 0)
                Dispose(conjugated);
            if (negated != 0)
                Dispose(negated);
        }
    }

    static nint Checked(nint tensor)
    {
        if (tensor != 0)
            return tensor;
        string? message = Marshal.PtrToStringUTF8(LastError());
        throw new InvalidOperationException($"libtorch can't lay out a tensor row by row: {message?.Split('\n')[0] ?? "it gives no reason."}");
    }

    [LibraryImport(Library, EntryPoint = "THSTensor_resolve_conj")]
    private static partial nint ResolveConjugate(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_resolve_neg")]
    private static partial nint ResolveNegative(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_contiguous")]
    private static partial nint Contiguous(nint tensor);

    /// <summary>
    /// The native tensor behind a handle: a number that two handles have in common when they are to one tensor. A handle leads to an <c>at::Tensor</c>, which is
    /// nothing but a counted pointer to its implementation. Null where that was tried and is not so.
    /// </summary>
    public static nint? Implementation(nint tensor) => HandlesLeadToImplementations ? *(nint*)tensor : null;

    static readonly bool HandlesLeadToImplementations = TryHandles();

    static bool TryHandles()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var tensor = TorchSharp.torch.zeros(2);
        nint handle = tensor.Handle, same = tensor.alias().Handle, other = tensor.detach().Handle;
        return handle != same && *(nint*)handle == *(nint*)same && *(nint*)handle != *(nint*)other;
    }

    [LibraryImport(Library, EntryPoint = "THSTorch_get_and_reset_last_err")]
    private static partial nint LastError();
}
