using System.Globalization;
using OptimSharp.Engine;

namespace OptimSharp.PyTorch;

/// <summary>Where a pickle's storages are.</summary>
internal interface IStorageSource
{
    /// <summary>The memory of a storage, read or still to be read; at least as many bytes as the storage says it has.</summary>
    /// <param name="key">Its name in the file.</param>
    /// <param name="bytes">How many bytes it says it has.</param>
    /// <param name="elementSize">How many bytes an element has.</param>
    TensorStorage Storage(string key, long bytes, int elementSize);
}

/// <summary>The calls that make tensors of storages.</summary>
internal sealed class TensorCalls(Func<string, CheckpointException> error)
{
    const int MostDimensions = 64;
    const long MostElements = 1L << 56; // of a view that repeats its elements; others end with their storage

    public PythonTuple Size(PythonTuple sizes) => sizes.Items.Length > MostDimensions ? throw error($"calls {PythonClass.Size} with {sizes.Items.Length} sizes")
        : new([.. sizes.Items.Select(size => size is long ? size : throw error("has a torch.Size of something other than whole numbers"))], PythonClass.Size);

    /// <summary>A tensor; or the call as it is written, when its elements are of a type that tensors here can't have.</summary>
    public object Rebuild(PythonGlobal function, object?[] arguments) => (function.Name, arguments) switch
    {
        ("_rebuild_tensor", [PythonStorage { Type: { } type } storage, long offset, PythonTuple shape, PythonTuple strides]) => Tensor(storage, type, offset, shape, strides),
        ("_rebuild_tensor_v2", [PythonStorage { Type: { } type } storage, long offset, PythonTuple shape, PythonTuple strides, bool, PythonDict or null, .. var metadata]) when IsNothing(metadata) =>
            Tensor(storage, type, offset, shape, strides),
        ("_rebuild_tensor_v3", [PythonStorage { Type: null } storage, long offset, PythonTuple shape, PythonTuple strides, bool, PythonDict or null, ElementType type, .. var metadata]) when IsNothing(metadata) =>
            Tensor(storage, type, offset, shape, strides),
        ("_rebuild_tensor_v2", [PythonStorage, long, PythonTuple, PythonTuple, bool, PythonDict or null, .. { Length: <= 1 }])
            or ("_rebuild_tensor_v3", [PythonStorage, long, PythonTuple, PythonTuple, bool, PythonDict or null, ElementType or PythonGlobal, .. { Length: <= 1 }])
            or ("_rebuild_tensor", [PythonStorage, long, PythonTuple, PythonTuple]) => new PythonInstance(PythonObjectKind.Call, function, arguments),
        _ => throw error($"calls {function.FullName} with arguments that torch.save does not give it"),
    };

    /// <summary>Whether there is no metadata, as that a tensor is a conjugate view.</summary>
    static bool IsNothing(object?[] metadata) => metadata is [] or [null] or [PythonDict { Items.Count: 0 }];

    TensorData Tensor(PythonStorage storage, ElementType type, long offset, PythonTuple shape, PythonTuple strides)
    {
        if (shape.Items.Length != strides.Items.Length || shape.Items.Length > MostDimensions)
            throw error($"has a tensor with {shape.Items.Length} sizes and {strides.Items.Length} strides");
        long[] sizes = Sizes(shape, "shape"), steps = Sizes(strides, "strides");
        long elements = storage.Bytes / type.Size();
        Int128 count = 1, last = offset;
        for (int i = 0; i < sizes.Length; i++)
        {
            count = Int128.Min(count * sizes[i], (Int128)long.MaxValue + 1);
            last += (Int128)Math.Max(sizes[i] - 1, 0) * steps[i];
        }
        if (sizes.Contains(0))
            count = 0;
        if (count > MostElements)
            throw error($"has a tensor [{string.Join(", ", sizes)}], more elements than there can be");
        if (offset < 0 || count > 0 && last >= elements)
            throw error($"has a tensor [{string.Join(", ", sizes)}] with strides [{string.Join(", ", steps)}] from element {offset} on, which goes past the {elements} elements of its storage");
        if (storage.Bytes % type.Size() != 0 || storage.First % type.Size() != 0)
            throw error($"has a tensor of {type.Name()} in a storage of {storage.Bytes} bytes");
        long first = storage.First / type.Size();
        return new(storage.Storage, type, offset > long.MaxValue - first ? offset : first + offset, sizes, steps); // far out only where there is no element
    }

    /// <summary>The sparse tensor of a call; null when it is none that can be told.</summary>
    public SparseTensorData? Sparse(object?[] arguments)
    {
        if (arguments is not [PythonInstance { FullName: "torch.serialization._get_layout", Arguments: [string name] }, PythonTuple { Items: var parts }])
            return null;
        var sparse = (name, parts) switch
        {
            ("torch.sparse_coo", [TensorData indices, TensorData values, PythonTuple shape]) => new SparseTensorData(SparseLayout.Coordinates, null, indices, values, Sizes(shape, "shape"), null),
            ("torch.sparse_coo", [TensorData indices, TensorData values, PythonTuple shape, bool or null]) => new(SparseLayout.Coordinates, null, indices, values, Sizes(shape, "shape"), parts[3] as bool?),
            (_, [TensorData pointers, TensorData indices, TensorData values, PythonTuple shape]) when LayoutOf(name) is { } layout => new(layout, pointers, indices, values, Sizes(shape, "shape"), null),
            _ => null,
        };
        return sparse?.Problem() is { } problem ? throw error($"has a sparse tensor that {problem}") : sparse;
    }

    public static SparseLayout? LayoutOf(string name) => name switch
    {
        "torch.sparse_coo" => SparseLayout.Coordinates,
        "torch.sparse_csr" => SparseLayout.CompressedRows,
        "torch.sparse_csc" => SparseLayout.CompressedColumns,
        "torch.sparse_bsr" => SparseLayout.BlockedRows,
        "torch.sparse_bsc" => SparseLayout.BlockedColumns,
        _ => null,
    };

    public static string NameOf(SparseLayout layout) => "torch.sparse_" + layout switch
    {
        SparseLayout.Coordinates => "coo",
        SparseLayout.CompressedRows => "csr",
        SparseLayout.CompressedColumns => "csc",
        SparseLayout.BlockedRows => "bsr",
        _ => "bsc",
    };

    long[] Sizes(PythonTuple tuple, string what)
    {
        if (tuple.Items.Length > MostDimensions)
            throw error($"has a tensor with {tuple.Items.Length} sizes");
        var sizes = new long[tuple.Items.Length];
        for (int i = 0; i < sizes.Length; i++)
            sizes[i] = tuple.Items[i] is long size and >= 0 ? size : throw error($"has a tensor whose {what} have {Describe(tuple.Items[i])}");
        return sizes;
    }

    static string Describe(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        double or long => string.Create(CultureInfo.InvariantCulture, $"the number {value}"),
        string => "a text",
        PythonTuple => "a tuple",
        TensorData => "a tensor",
        _ => "an object",
    };
}
