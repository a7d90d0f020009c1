using System.Runtime.InteropServices;

namespace OptimSharp.Torch;

/// <summary>
/// The C functions of TorchSharp's native library that a step needs for each parameter. TorchSharp's own properties make a
/// finalizable object a call; these make none.
/// </summary>
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

    /// <summary>The address of the first element; the storage offset is included.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_data"), SuppressGCTransition]
    public static partial void* Data(nint tensor);

    /// <summary><see cref="Data"/> as a number, also of another device; 0 for a tensor without elements.</summary>
    public static nint Address(nint tensor) => (nint)Data(tensor);

    /// <summary>The element type, as a <see cref="TorchSharp.torch.ScalarType"/>.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_type"), SuppressGCTransition]
    public static partial sbyte Type(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_ndimension"), SuppressGCTransition]
    public static partial long Dimensions(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_size"), SuppressGCTransition]
    public static partial long Size(nint tensor, long dimension);

    [LibraryImport(Library, EntryPoint = "THSTensor_device_type"), SuppressGCTransition]
    public static partial int DeviceType(nint tensor);

    // These two return a C bool or int: only the lowest byte is sure to be set.
    [LibraryImport(Library, EntryPoint = "THSTensor_is_contiguous"), SuppressGCTransition]
    public static partial byte IsContiguous(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_is_sparse"), SuppressGCTransition]
    public static partial byte IsSparse(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_is_conj"), SuppressGCTransition]
    public static partial byte IsConjugate(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_resolve_conj")]
    private static partial nint ResolveConjugate(nint tensor);

    [LibraryImport(Library, EntryPoint = "THSTensor_contiguous")]
    private static partial nint Contiguous(nint tensor);

    /// <summary>Copies a tensor's elements to another one, and returns a new handle to that.</summary>
    [LibraryImport(Library, EntryPoint = "THSTensor_copy_")]
    public static partial nint Copy(nint to, nint from, byte nonBlocking);

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

    /// <summary>A new handle to a tensor of the same elements, each where its index says, as it is.</summary>
    public static nint Plain(nint tensor)
    {
        nint resolved = ResolveConjugate(tensor), contiguous = Contiguous(resolved);
        Dispose(resolved);
        return contiguous;
    }
}
