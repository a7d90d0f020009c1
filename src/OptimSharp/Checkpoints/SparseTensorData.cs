namespace OptimSharp;

/// <summary>How a <see cref="SparseTensorData"/> says where its values are.</summary>
public enum SparseLayout
{
    /// <summary>Each value with its coordinates (<c>torch.sparse_coo</c>).</summary>
    Coordinates,

    /// <summary>Rows compressed (<c>torch.sparse_csr</c>).</summary>
    CompressedRows,

    /// <summary>Columns compressed (<c>torch.sparse_csc</c>).</summary>
    CompressedColumns,

    /// <summary>Rows of blocks compressed (<c>torch.sparse_bsr</c>).</summary>
    BlockedRows,

    /// <summary>Columns of blocks compressed (<c>torch.sparse_bsc</c>).</summary>
    BlockedColumns,
}

/// <summary>A sparse tensor of a <see cref="StateDict"/>, as a file has it: indices, values and shape. It never changes.</summary>
/// <remarks>The indices are what the file says: that they lie within the shape is for its reader to check.</remarks>
public sealed class SparseTensorData
{
    readonly long[] shape;

    internal SparseTensorData(SparseLayout layout, TensorData? pointers, TensorData indices, TensorData values, long[] shape, bool? isCoalesced) =>
        (Layout, Pointers, Indices, Values, this.shape, IsCoalesced) = (layout, pointers, indices, values, shape, isCoalesced);

    /// <summary>A tensor of values with their coordinates.</summary>
    /// <param name="indices">The coordinates, whole numbers of 64 bits, shaped [sparse dimensions, values].</param>
    /// <param name="values">The values, shaped [values, then the dense dimensions].</param>
    /// <param name="shape">The sizes of all dimensions.</param>
    /// <exception cref="ArgumentException">The shapes do not fit each other, or the indices are no whole numbers of 64 bits.</exception>
    public SparseTensorData(TensorData indices, TensorData values, params ReadOnlySpan<long> shape)
        : this(SparseLayout.Coordinates, null, indices, values, shape.ToArray(), null)
    {
        ArgumentNullException.ThrowIfNull(indices);
        ArgumentNullException.ThrowIfNull(values);
        if (Problem() is { } problem)
            throw new ArgumentException($"A sparse tensor {problem}.", nameof(indices));
    }

    /// <summary>How it says where its values are.</summary>
    public SparseLayout Layout { get; }

    /// <summary>
    /// With <see cref="SparseLayout.Coordinates"/> all coordinates, shaped [sparse dimensions, values]; else the columns (rows, blocks) of the values, in the
    /// order of the compressed rows (columns).
    /// </summary>
    public TensorData Indices { get; }

    /// <summary>Where each compressed row (column) begins among <see cref="Indices"/>, with one entry more for the end; null with <see cref="SparseLayout.Coordinates"/>.</summary>
    public TensorData? Pointers { get; }

    /// <summary>The values.</summary>
    public TensorData Values { get; }

    /// <summary>The sizes of its dimensions.</summary>
    public ReadOnlySpan<long> Shape => shape;

    /// <summary>The type of its values.</summary>
    public ElementType ElementType => Values.ElementType;

    /// <summary>Whether its coordinates are in order and none comes twice, if the file says so.</summary>
    public bool? IsCoalesced { get; }

    /// <summary>Layout, shape and type: <c>sparse tensor([2, 3], Float32, 4 values, Coordinates)</c>.</summary>
    public override string ToString() => $"sparse tensor([{string.Join(", ", shape)}], {ElementType}, {(Values.Shape.IsEmpty ? 1 : Values.Shape[0])} values, {Layout})";

    /// <summary>What is wrong with the parts together, as the rest of a sentence; null when they fit.</summary>
    internal string? Problem()
    {
        if (shape.Any(size => size < 0))
            return $"has the shape [{string.Join(", ", shape)}]";
        if (Indices.ElementType is not (ElementType.Int64 or ElementType.Int32) || Pointers is not null && Pointers.ElementType != Indices.ElementType)
            return $"has indices of {Indices.ElementType}";
        if (Layout != SparseLayout.Coordinates)
            return Pointers is null || Indices.Shape.IsEmpty || Values.Shape.Length < Indices.Shape.Length || shape.Length < 2 ? "has indices and values that do not fit" : null;
        bool fits = Indices.Shape.Length == 2 && !Values.Shape.IsEmpty && Indices.Shape[1] == Values.Shape[0] && Indices.Shape[0] + Values.Shape.Length - 1 == shape.Length;
        return fits ? null : $"has indices {Indices} and values {Values} that do not fit the shape [{string.Join(", ", shape)}]";
    }
}
