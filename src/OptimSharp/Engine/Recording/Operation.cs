namespace OptimSharp.Engine;

/// <summary>What a value of a recorded rule is: something read, a number, or what a lane's operation gives.</summary>
internal enum Operation : byte
{
    // Of no other value; the first operand is a number.
    Literal,     // 0, 1 or −1
    Coefficient, // its place in the step's row
    Param,
    Grad,
    State,       // its slot

    // Of one.
    Negate,
    Sqrt,
    Abs,
    AsParam,     // rounded to what the parameter is stored as
    AsGrad,      // and the gradient

    // Of two.
    Add,
    Subtract,
    Multiply,
    Divide,
    Max,
    Min,

    // Of four: x > y ? then : otherwise.
    IfGreater,
}

/// <summary>One value of a recorded rule. Operands are the numbers of values before it.</summary>
internal readonly record struct Instruction(Operation Operation, int A = 0, int B = 0, int C = 0, int D = 0)
{
    /// <summary>How many values it is made of.</summary>
    public int Operands => Operation switch
    {
        <= Operation.State => 0,
        <= Operation.AsGrad => 1,
        <= Operation.Min => 2,
        _ => 4,
    };

    /// <summary>The number of the i-th value that it is made of.</summary>
    public int this[int i] => i switch
    {
        0 => A,
        1 => B,
        2 => C,
        _ => D,
    };

    /// <summary>Whether it is read from memory that the step changes.</summary>
    public bool IsRead => Operation is Operation.Param or Operation.Grad or Operation.State;

    /// <summary>The same of values that have other numbers now.</summary>
    public Instruction Renumbered(ReadOnlySpan<int> numbers) => Operands switch
    {
        0 => this,
        1 => new(Operation, numbers[A]),
        2 => new(Operation, numbers[A], numbers[B]),
        _ => new(Operation, numbers[A], numbers[B], numbers[C], numbers[D]),
    };
}
