using System.Numerics;
using CsCheck;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>A rule as a user might write it, and as nobody would: lines of any operations on what came before.</summary>
sealed record DrawnFormula(DrawnFormula.Line[] Lines, int Param, int Step, int S0, int S1)
{
    public enum Term { Add, Subtract, Multiply, Divide, Negate, Sqrt, Abs, Max, Min, IfGreater, IfPositive, Sign, Of, Zero }

    /// <summary>An operation; operands are counted among parameter, gradient, both states and the lines before, as often as they have to be.</summary>
    public sealed record Line(Term Term, int A, int B, int C, int D, double Number);

    const int Read = 4;

    static readonly Gen<int> any = Gen.Int[0, 1000];

    static readonly Gen<double> number = Gen.OneOf([Gen.Double[-2, 2], .. new[] { 0, -0.0, 1, 1e-8, 1e30, double.NaN, double.PositiveInfinity }.Select(Gen.Const)]);

    static readonly Gen<Line> line = Gen.Select(Gen.Enum<Term>(), any, any, any, any, number,
        (term, a, b, c, d, number) => new Line(term, a, b, c, d, number));

    /// <summary>Any.</summary>
    public static readonly Gen<DrawnFormula> Any = Gen.Select(line.Array[1, 25], any, any, any, any, (lines, param, step, s0, s1) => new DrawnFormula(lines, param, step, s0, s1));

    /// <summary>What is drawn begins from this; from anything, time and again, when OPTIMSHARP_DRAW is set.</summary>
    public static string? SeedOf(string seed) => Environment.GetEnvironmentVariable("OPTIMSHARP_DRAW") is null ? seed : null;

    public void Update<L, T>(ref Cell<L> x)
        where L : struct, ILane<L, T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var values = new L[Read + Lines.Length];
        (values[0], values[1], values[2], values[3]) = (x.Param, x.Grad, x.S0, x.S1);
        for (int i = Read; i < values.Length; i++)
        {
            var (term, a, b, c, d, number) = Lines[i - Read];
            L p = values[a % i], q = values[b % i], r = values[c % i], s = values[d % i];
            values[i] = term switch
            {
                Term.Add => p + q,
                Term.Subtract => p - q,
                Term.Multiply => p * q,
                Term.Divide => p / q,
                Term.Negate => -p,
                Term.Sqrt => L.Sqrt(p),
                Term.Abs => L.Abs(p),
                Term.Max => L.Max(p, q),
                Term.Min => L.Min(p, q),
                Term.IfGreater => L.IfGreater(p, q, r, s),
                Term.IfPositive => L.IfPositive(p, q, r),
                Term.Sign => L.Sign(p),
                Term.Of => L.Of(T.CreateTruncating(number)),
                _ => default,
            };
        }
        x.Param = Last(Param);
        if (Step % 4 > 0)
            x.Step = Last(Step);
        (x.S0, x.S1) = (Last(S0), Last(S1));

        L Last(int number) => values[^(1 + number % Math.Min(values.Length, 8))]; // what is made last is used most
    }

    /// <summary>Its steps with some types.</summary>
    public static IEnumerable<RecordedStep> StepsOf(DrawnFormula formula) =>
    [
        RecordedStep.Of<DrawnRule<float>, float>($"{formula}", new(formula), new(ElementType.Float32)),
        RecordedStep.Of<DrawnRule<double>, double>($"{formula}", new(formula), new(ElementType.Float64)),
        RecordedStep.Of<DrawnRule<float>, float>($"{formula}", new(formula), new(ElementType.BFloat16, ElementType.Float16, ElementType.Float32)),
    ];

    public override string ToString() => $"{string.Join("; ", Lines.Select((l, i) => $"{Read + i}: {l.Term} {l.A} {l.B} {l.C} {l.D} {l.Number}"))}; {Param}, {Step}, {S0}, {S1}";
}

/// <summary>A drawn formula as a rule.</summary>
readonly struct DrawnRule<T>(DrawnFormula formula) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public static int Slots => 2;

    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => formula.Update<L, T>(ref x);
}
