using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>The coefficients a, b, c of the Newton–Schulz iteration of <see cref="Muon"/>, by iteration. When there are more iterations, the last ones are repeated.</summary>
public enum NewtonSchulzSchedule
{
    /// <summary>Those of <see cref="MuonOptions.NewtonSchulzCoefficients"/> in all iterations.</summary>
    Constant,

    /// <summary>Five iterations (Cesista, "Squeezing 1–2% efficiency gains out of Muon by optimizing the Newton–Schulz coefficients", 2025).</summary>
    Quintic,

    /// <summary>Polar Express for five iterations (Amsel et al., arXiv 2505.16932): each is the best one after those before it, with room for rounding. It begins with a norm of 1/1.02.</summary>
    PolarExpress5,

    /// <summary>Polar Express for more iterations, as in its authors' code: exact from the seventh on. It begins with a norm of 1/1.01.</summary>
    PolarExpress8,
}

/// <summary>
/// The Newton–Schulz iteration: X ← aX + (bA + cA²)X with A = XXᵀ takes the singular values of a matrix to 1, or near it, with products alone. It works on the side with fewer rows.
/// </summary>
/// <param name="o">The options.</param>
/// <param name="most">The most rows that a matrix has.</param>
/// <param name="columns">The columns that all matrices have.</param>
/// <param name="math">What it computes with; its scratch memory is taken here, once for all matrices of a parameter.</param>
readonly struct NewtonSchulz(MuonOptions o, nint most, nint columns, TensorMath math)
{
    static readonly (double A, double B, double C)[] quintic =
    [
        (4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037), (2.8769, -3.1427, 1.2046), (2.8366, -3.0525, 1.2012),
    ];

    static readonly (double A, double B, double C)[] polarExpress5 =
    [
        (8.156554524902461, -22.48329292557795, 15.878769915207462), (4.042929935166739, -2.808917465908714, 0.5000178451051316),
        (3.8916678022926607, -2.772484153217685, 0.5060648178503393), (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
        (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
    ];

    static readonly (double A, double B, double C)[] polarExpress8 =
    [
        (8.237312490495555, -23.157747414558198, 16.680568411445915), (4.082441999064835, -2.893047735332586, 0.5252849256975648),
        (3.9263479922546582, -2.8547468034765298, 0.5318022422894988), (3.2982187133085143, -2.424541981026706, 0.48632008358844075),
        (2.2970369434552573, -1.63662558125903, 0.4002628455953627), (1.8763805351440397, -1.2347896577722228, 0.35891887501668385),
        (1.8564423485617974, -1.2132449880935525, 0.3568003487825883), (1.8749994008682747, -1.2499988017229169, 0.3749994008546422),
    ];

    readonly TensorMath math = math;
    readonly Matrices<float> first = math.Take<float>(most * columns, 1), second = math.Take<float>(most * columns, 1), third = math.Take<float>(most * columns, 1);
    readonly Matrices<float> squares = math.Take<float>(Square(most, columns), 1), polynomials = math.Take<float>(Square(most, columns), 1);
    readonly bool rounds = !o.SinglePrecision;

    /// <summary>Makes a matrix orthogonal, in place: its rows where it is wide, its columns where it is tall.</summary>
    public void Orthogonalize<T>(Matrices<T> matrix) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        nint rows = matrix.Rows, small = Math.Min(rows, columns), large = Math.Max(rows, columns);
        Matrices<float> x = Part(first, rows, columns), other = Part(second, small, large);
        math.Convert(matrix, x);
        if (rows > columns)
        {
            math.Transpose(x, other);
            (x, other) = (other, x.As(small, large));
        }
        Matrices<float> transposed = Part(third, large, small), square = Part(squares, small, small), polynomial = Part(polynomials, small, small);
        Normalize(x);
        for (int i = 0; i < o.NewtonSchulzSteps; i++)
        {
            var (a, b, c) = Coefficients(i);
            math.Transpose(x, transposed);
            math.Multiply(1, x, transposed, square);                            // A = XXᵀ
            Round(square);
            math.Multiply((float)c, square, square, (float)b, square, polynomial); // bA + cA²
            Round(polynomial);
            math.Multiply(1, polynomial, x, (float)a, x, other);                // X ← aX + (bA + cA²)X
            Round(other);
            (x, other) = (other, x);
        }
        if (rows > columns)
        {
            math.Transpose(x, transposed);
            x = transposed;
        }
        math.Convert(x, matrix);
    }

    /// <summary>X ← X/max(‖X‖, ε): so that no singular value is above 1.</summary>
    void Normalize(Matrices<float> x)
    {
        Round(x);
        double margin = o.NewtonSchulzSchedule switch { NewtonSchulzSchedule.PolarExpress5 => 1.02, NewtonSchulzSchedule.PolarExpress8 => 1.01, _ => 1 };
        float norm = Rounded((float)(Rounded(MathF.Sqrt((float)math.SumOfSquares(x))) * margin)), divisor = Rounded(Math.Max(norm, (float)o.Epsilon));
        if (rounds)
            math.Apply(new RoundRule(divisor), x, x);
        else
            math.Apply(new DivideRule(divisor), x, x);
    }

    (double A, double B, double C) Coefficients(int iteration)
    {
        var schedule = o.NewtonSchulzSchedule switch
        {
            NewtonSchulzSchedule.Quintic => quintic,
            NewtonSchulzSchedule.PolarExpress5 => polarExpress5,
            NewtonSchulzSchedule.PolarExpress8 => polarExpress8,
            _ => null,
        };
        return schedule is null ? o.NewtonSchulzCoefficients : schedule[Math.Min(iteration, schedule.Length - 1)];
    }

    void Round(Matrices<float> x)
    {
        if (rounds)
            math.Apply(new RoundRule(1), x, x);
    }

    float Rounded(float x) => rounds ? (BFloat16)x : x;

    static Matrices<float> Part(Matrices<float> scratch, nint rows, nint columns) => scratch.RowRange(0, rows * columns).As(rows, columns);

    static nint Square(nint rows, nint columns) => Math.Min(rows, columns) * Math.Min(rows, columns);
}

/// <summary>x ← y/a, rounded to bfloat16.</summary>
readonly struct RoundRule(float a) : IUpdateRule<float>
{
    readonly Rounding<float> rounding = new(ElementType.BFloat16);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Param = rounding.Of(x.Grad / L.Of(a));
}

/// <summary>x ← y/a.</summary>
readonly struct DivideRule(float a) : IUpdateRule<float>
{
    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Param = x.Grad / L.Of(a);
}
