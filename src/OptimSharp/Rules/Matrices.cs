namespace OptimSharp.Rules;

/// <summary>
/// A batch of matrices of one size, row by row, one behind the other, in host memory: a parameter, a gradient, a state, or scratch memory of
/// <see cref="TensorMath.Take"/>. Good until the update that it was given to ends; after that, reading it is an error.
/// </summary>
/// <typeparam name="T">The type of its numbers.</typeparam>
public readonly unsafe struct Matrices<T>
    where T : unmanaged
{
    readonly T* start;
    readonly TensorMath? math;
    readonly int update; // the number of the update that it belongs to

    internal Matrices(TensorMath math, T* start, nint batch, nint rows, nint columns)
    {
        this.math = math;
        this.start = start;
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
            return new(math!, Start + matrix * Rows * Columns, 1, Rows, Columns);
        }
    }

    /// <summary>A row, counted through all matrices: row i of matrix b is b · <see cref="Rows"/> + i. Rows longer than a span can be are an error.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="InvalidOperationException">The update that it was for is over.</exception>
    public Span<T> Row(nint row)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Batch * Rows);
        return new(Start + row * Columns, checked((int)Columns));
    }

    /// <summary>Where the numbers begin.</summary>
    internal T* Start => math is not null && math.Updates == update ? start
        : throw new InvalidOperationException(math is null ? "There are no such matrices: the rule was not given this state." : "The update that these matrices were for is over.");
}
