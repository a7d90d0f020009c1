using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Testing;

/// <summary>The kit lets what keeps the laws pass, and finds what breaks one, by the right law.</summary>
[Collection(Alone.Name)]
public class OptimizerLawsTests
{
    static readonly LawOptions Single = new() { ElementTypes = [ElementType.Float32] };

    public static TheoryData<string> Laws => [.. OptimizerLaws.All.Select(law => law.Name)];

    [Theory]
    [MemberData(nameof(Laws))]
    public void What_is_right_passes(string law)
    {
        OptimizerLaws.Named(law).Check(parameters => new PlainMomentum(parameters));
        OptimizerLaws.Named(law).Check(parameters => new MatrixMomentum(parameters), Single);
        OptimizerLaws.Named(law).Check(parameters => new Whole(parameters, Fault.None), Single);
        OptimizerLaws.Named(law).Check(parameters => new SparseAdam(parameters), new() { Seed = 5, Steps = 2, Sizes = [40, 3, 0] });
        OptimizerLaws.Named(law).Check(parameters => new Muon(parameters), Single with { Elementwise = false, Sizes = [40, 1, 0, 64] });
    }

    /// <summary>Types are those that go with all that the options ask for.</summary>
    [Fact]
    public void Precisions_that_some_types_do_not_have_leave_these_out()
    {
        OptimizerLaws.Repeatable.Check(parameters => new AdamW(parameters), new() { Elementwise = false, StatePrecisions = [StatePrecision.Dynamic8, StatePrecision.Linear4], Sizes = [4096, 100] });
        OptimizerLaws.Repeatable.Check(parameters => new AdamW(parameters), new() { ParameterPrecision = ParameterPrecision.Split });
        Assert.Contains("does not take parameters of type Float64: StatePrecision.Dynamic8 is for", Assert.Throws<ArgumentException>(() =>
            OptimizerLaws.Repeatable.Check(parameters => new AdamW(parameters), new() { ElementTypes = [ElementType.Float64], StatePrecisions = [StatePrecision.Dynamic8] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Optimizers_with_groups_of_their_own_pass() =>
        OptimizerLaws.Check(parameters => new AdamW([new(parameters.Take(1), o => o with { WeightDecay = 0.5 }), new(parameters.Skip(1))]), Single);

    [Theory]
    [InlineData(nameof(OptimizerLaws.Repeatable))]
    [InlineData(nameof(OptimizerLaws.Lanes))]
    [InlineData(nameof(OptimizerLaws.Threads))]
    [InlineData(nameof(OptimizerLaws.Cuts))]
    [InlineData(nameof(OptimizerLaws.Places))]
    [InlineData(nameof(OptimizerLaws.Gradients))]
    [InlineData(nameof(OptimizerLaws.Groups))]
    [InlineData(nameof(OptimizerLaws.AllOrNothing))]
    [InlineData(nameof(OptimizerLaws.Allocations))]
    [InlineData(nameof(OptimizerLaws.Resuming))]
    public void The_first_law_that_is_broken_is_told(string law)
    {
        var error = Assert.Throws<OptimizerLawException>(() => OptimizerLaws.Check(Broken(law), Single));
        Assert.Equal(law, error.Law.Name);
        Assert.Contains($"breaks the law {law} ({error.Law.Description}): ", error.Message, StringComparison.Ordinal);
    }

    // These break an earlier law, too.
    [Theory]
    [InlineData(nameof(OptimizerLaws.NotANumber))]
    [InlineData(nameof(OptimizerLaws.OnePass))]
    public void A_law_by_itself_is_broken_too(string law)
    {
        var error = Assert.Throws<OptimizerLawException>(() => OptimizerLaws.Named(law).Check(Broken(law), Single));
        Assert.Equal(law, error.Law.Name);
    }

    [Fact]
    public void Every_law_has_an_optimizer_that_breaks_it() => Assert.All(OptimizerLaws.All, law => Assert.NotNull(Broken(law.Name)));

    // By hand: a parameter of one element, 2 threads share a rate of ¼.
    [Fact]
    public void The_message_says_what_differs_where_and_on_what()
    {
        var error = Assert.Throws<OptimizerLawException>(() => OptimizerLaws.Threads.Check(parameters => new Sharing(parameters), Single with { Sizes = [2, 3], Steps = 2, Seed = 9 }));
        Assert.Matches(
            @"^Sharing\(lr=0\.25, momentum=0\.5\) breaks the law Threads \(any number of threads gives the same bits\): parameter 'p[01]', element \d of [23] "
            + @"is -?[\d.E-]+ \(0x[0-9A-F]{8}\) with 1 thread, and -?[\d.E-]+ \(0x[0-9A-F]{8}\) with 2 threads, among parameters of 2, 3 elements\. "
            + @"With Float32 parameters, dense gradients, 2 steps, seed 9\.$", error.Message);
    }

    [Fact]
    public void An_option_that_says_elementwise_wrongly_is_hinted_at() =>
        Assert.Contains("set LawOptions.Elementwise to false", Assert.Throws<OptimizerLawException>(() => OptimizerLaws.Cuts.Check(p => new Meaning(p), Single)).Message, StringComparison.Ordinal);

    [Fact]
    public void Laws_of_elementwise_optimizers_are_not_asked_of_others()
    {
        OptimizerLaws.Cuts.Check(p => new Meaning(p), Single with { Elementwise = false });
        OptimizerLaws.NotANumber.Check(p => new Whole(p, Fault.NotANumber), Single with { Elementwise = false });
    }

    [Fact]
    public void The_process_is_as_before_also_when_a_law_is_broken()
    {
        var (threads, wide) = (Execution.ThreadCount, Execution.UsesWideLanes);
        Assert.Throws<OptimizerLawException>(() => OptimizerLaws.Lanes.Check(p => new Wide(p), Single));
        Assert.Throws<OptimizerLawException>(() => OptimizerLaws.Threads.Check(p => new Sharing(p), Single));
        Assert.Equal((threads, wide), (Execution.ThreadCount, Execution.UsesWideLanes));
    }

    [Fact]
    public void What_can_not_be_checked_is_an_error()
    {
        Func<IReadOnlyList<Parameter>, Optimizer> muon = p => new Muon(p);
        Assert.StartsWith("The optimizer does not take parameters of type Complex64: Muon does not take complex", Refused(muon, new() { ElementTypes = [ElementType.Complex64] }), StringComparison.Ordinal);
        Assert.StartsWith("The optimizer does not take parameters of type Float32: no parameters today", Refused(_ => throw new ArgumentException("no parameters today"), Single), StringComparison.Ordinal);
        Assert.StartsWith("The optimizer takes no parameters and gradients of those that were tried: no parameters today", Refused(_ => throw new ArgumentException("no parameters today"), new()), StringComparison.Ordinal);
        Assert.StartsWith("Sizes must be", Refused(muon, new() { Sizes = [-1] }), StringComparison.Ordinal);
        Assert.StartsWith("ElementTypes must", Refused(muon, new() { ElementTypes = [] }), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => OptimizerLaws.Check(muon, new() { Steps = 1 }));
        Assert.Throws<ArgumentNullException>("create", () => OptimizerLaws.Check(null!));
        Assert.StartsWith("There is no law 'Gravity'; there are: Repeatable, Lanes,", Assert.Throws<ArgumentException>(() => OptimizerLaws.Named("Gravity")).Message, StringComparison.Ordinal);
        var mine = new FormatException("mine");
        Assert.Same(mine, Assert.Throws<FormatException>(() => OptimizerLaws.Check(_ => throw mine)));

        static string Refused(Func<IReadOnlyList<Parameter>, Optimizer> create, LawOptions options) =>
            Assert.Throws<ArgumentException>(() => OptimizerLaws.Check(create, options)).Message;
    }

    static Func<IReadOnlyList<Parameter>, Optimizer> Broken(string law) => law switch
    {
        nameof(OptimizerLaws.Repeatable) => p => new Restless(p),
        nameof(OptimizerLaws.Lanes) => p => new Wide(p),
        nameof(OptimizerLaws.Threads) => p => new Sharing(p),
        nameof(OptimizerLaws.Cuts) => p => new Meaning(p),
        nameof(OptimizerLaws.Places) => p => new Whole(p, Fault.Place),
        nameof(OptimizerLaws.Gradients) => p => new Whole(p, Fault.Gradient),
        nameof(OptimizerLaws.NotANumber) => p => new Whole(p, Fault.NotANumber),
        nameof(OptimizerLaws.Groups) => p => new Groupless(p),
        nameof(OptimizerLaws.AllOrNothing) => p => new Counting(p, tried: true),
        nameof(OptimizerLaws.Allocations) => p => new Wasteful(p),
        nameof(OptimizerLaws.Resuming) => p => new Counting(p, tried: false),
        nameof(OptimizerLaws.OnePass) => p => new Hasty(p),
        _ => throw new ArgumentException($"Nothing breaks {law}."),
    };
}
