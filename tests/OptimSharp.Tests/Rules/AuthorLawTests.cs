using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Rules;

/// <summary>The laws hold for what only users' rules use so far: six slots, sums over tensors, rules over rules, whole tensors with states of other shapes.</summary>
[Collection(Alone.Name)]
public class AuthorLawTests
{
    static readonly (string Name, Func<IReadOnlyList<Parameter>, Optimizer> Make, bool Elementwise)[] Optimizers =
    [
        ("Lion", p => new AuthorsLion(p, new() { LearningRate = 0.01, WeightDecay = 0.1 }), true),
        ("Lion with caution", p => new AuthorsLion(p, new() { LearningRate = 0.01, WeightDecay = 0.1, Caution = true }), false),
        ("Lion with a limit", p => new AuthorsLion(p, new() { LearningRate = 0.01, StepLimit = 0.005 }), false),
        ("Lion towards the initial weights", p => new AuthorsLion(p, new() { LearningRate = 0.01, InitialDecay = 0.5 }), true),
        ("Sums over tensors and over all, six states", p => new TrustRatio(p), false),
        ("Sums by row", p => new RowNormalized(p), false),
        ("Centralized gradients", p => new RowNormalized(p, new() { Centralizes = true }), false),
        ("Whole tensors", p => new Whitening(p), false),
    ];

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var (name, _, elementwise) in Optimizers)
            {
                foreach (var law in OptimizerLaws.All)
                {
                    if (elementwise || law != OptimizerLaws.Cuts && law != OptimizerLaws.NotANumber)
                        cases.Add(name, law.Name);
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_law_holds(string optimizer, string law)
    {
        var (_, make, elementwise) = Optimizers.First(o => o.Name == optimizer);
        OptimizerLaws.Named(law).Check(make, new() { Elementwise = elementwise, SumsOverAll = optimizer.Contains("over all", StringComparison.Ordinal) });
    }
}
