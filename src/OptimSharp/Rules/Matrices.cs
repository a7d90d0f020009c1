using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// A batch of matrices of one size, row by row, one behind the other, where the parameter is: a parameter, a gradient, a state, or scratch memory of
/// <see cref="TensorMath.Take"/>. Good until the update that it was given to ends; after that, reading it is an error.
/// </summary>
/// <typeparam name="T">The type of its numbers.</typeparam>
public readonly unsafe struct Matrices<T>
    where T : unmanaged
{
    readonly T* start; // on a device: how far into its memory
    readonly DeviceMemory? memory;
    readonly TensorMath? math;
    readonly int update; // the number of the update that it belongs to

    internal Matrices(TensorMath math, T* start, nint batch, nint rows, nint columns, DeviceMemory? memory = null)
    {
        this.math = math;
        this.start = start;
        this.memory = memory;
        update = math.Updates;
        (Batch, Rows, Columns) = (batch, rows, columns);
    }

    /// <summary>How many matrices there are.</summary>
    public nint Batch { get; }

    /// <summary>How many rows each has.</summary>
    public nint Rows { get; }

    /// <summary>How many columns each has.</summary>
    public nint Columns { get; }

    /// <summary>How many numbers there are in all.</summary>
    public nint Count => Batch * Rows * Columns;

    /// <summary>Whether there is none: a state that the rule was not given.</summary>
    public bool IsNone => math is null;

    /// <summary>One of the matrices.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such matrix.</exception>
    /// <exception cref="InvalidOperationException">The update that it was for is over.</exception>
    public Matrices<T> this[nint matrix]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(matrix);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(matrix, Batch);
            return new(math!, Start + matrix * Rows * Columns, 1, Rows, Columns, memory);
        }
    }

    /// <summary>The same numbers, or the first of them, as matrices of other sizes, row by row: what PyTorch calls a view.</summary>
    /// <exception cref="ArgumentException">There are not so many numbers.</exception>
    /// <exception cref="InvalidOperationException">The update that it was for is over.</exception>
    public Matrices<T> As(nint rows, nint columns, nint batch = 1)
    {
        if (rows < 0 || columns < 0 || batch < 0 || checked(batch * rows * columns) > Count)
            throw new ArgumentException($"{Batch} matrices of {Rows} × {Columns} can't be seen as {batch} of {rows} × {columns}: they are {Count} numbers.", nameof(rows));
        return new(math!, Start, batch, rows, columns, memory);
    }

    /// <summary>Some rows as a matrix of their own, which shares their numbers. They are counted through all matrices, as those of <see cref="Row"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no such rows.</exception>
    /// <exception cref="InvalidOperationException">The update that they were for is over.</exception>
    public Matrices<T> RowRange(nint first, nint count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Batch * Rows - first);
        return new(math!, Start + first * Columns, 1, count, Columns, memory);
    }

    /// <summary>A row, counted through all matrices: row i of matrix b is b · <see cref="Rows"/> + i. Rows longer than a span can be are an error.</summary>
    /// <remarks>
    /// Of a parameter on another device it is a row of a copy in host memory. What is written to it counts, as in host memory, but from here to the end of the update each operation on these numbers copies
    /// all of them. An operation of <see cref="TensorMath"/> stays on the device.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="InvalidOperationException">The update that it was for is over.</exception>
    public Span<T> Row(nint row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Batch * Rows);
        return new(memory is null ? Start + row * Columns : (T*)memory.OnHost() + (Offset + row * Columns), checked((int)Columns));
    }

    /// <summary>The device's memory that the numbers are in; null: host memory.</summary>
    internal DeviceMemory? Memory => memory;

    /// <summary>Where in the device's memory they begin.</summary>
    internal nint Offset => (nint)((nuint)Start / (nuint)sizeof(T));

    /// <summary>Whether they begin where others do.</summary>
    internal bool IsAt(Matrices<T> other) => Start == other.Start && ReferenceEquals(memory, other.memory);

    /// <summary>Where the numbers begin.</summary>
    internal T* Start => math is not null && math.Updates == update ? start
        : throw new InvalidOperationException(math is null ? "There are no such matrices: the rule was not given this state." : "The update that these matrices were for is over.");
}

/// <summary>A list of matrices of a parameter's state (<see cref="StateEntry.Matrices"/>). Good until the update that it was given to ends.</summary>
/// <typeparam name="T">The type of their numbers.</typeparam>
public readonly unsafe struct MatrixList<T>
    where T : unmanaged
{
    readonly List<StateTensor>? tensors;
    readonly TensorMath? math;

    internal MatrixList(TensorMath math, List<StateTensor>? tensors) => (this.math, this.tensors) = (math, tensors);

    /// <summary>How many matrices there are. They may differ in sizes.</summary>
    public int Count => tensors?.Count ?? 0;

    /// <summary>A matrix. What is written to it is written to the state.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such matrix.</exception>
    public Matrices<T> this[int i]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(i);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Count);
            var tensor = tensors![i];
            return math!.At<T>(tensor, 1, (nint)tensor.Shape[0], (nint)tensor.Shape[1]);
        }
    }
}
