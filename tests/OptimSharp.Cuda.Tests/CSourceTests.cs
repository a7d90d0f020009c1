using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using CsCheck;

namespace OptimSharp.Cuda.Tests;

/// <summary>A recorded rule, compiled as C, has the bits of the rule on the host.</summary>
public class CSourceTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_rule_with_all_options_and_types_has_the_hosts_bits()
    {
        using var library = new CLibrary(RecordedSteps.Kernels, CLibrary.Exact);
        output.WriteLine(StepComparison.OfAll(RecordedSteps.All, library.Run));
    }

    [Theory]
    [InlineData("000f6xctbMYb")]
    [InlineData("000f6xctbMY3")] // 0 − |x|, of which GCC 12 makes −|x|, unless it is told that rounding matters
    public void Rules_that_are_drawn_have_the_hosts_bits(string seed) => DrawnFormula.Any.Array[80].Sample(formulas =>
    {
        RecordedStep[] steps = [.. formulas.SelectMany(DrawnFormula.StepsOf)];
        using var library = new CLibrary(steps, CLibrary.Exact);
        StepComparison.OfAll(steps, library.Run);
    }, seed: DrawnFormula.SeedOf(seed), iter: 1, threads: 1);

    [Fact]
    public void An_operation_that_is_another_one_shows()
    {
        RecordedStep[] mutants = [.. RecordedSteps.Some.SelectMany(Mutants.Of)];
        using var library = new CLibrary(mutants, "-O1", "-ffp-contract=off");
        Assert.All(mutants, mutant => Assert.NotNull(StepComparison.Difference(mutant, library.Run, 1 << 14, 0)));
        output.WriteLine($"{mutants.Length} found");
    }

    [Fact]
    public void A_multiplication_that_is_fused_with_an_addition_shows()
    {
        if (RuntimeInformation.ProcessArchitecture == Architecture.X64 && !Fma.IsSupported)
            return; // nothing can be fused
        RecordedStep[] steps = [.. RecordedSteps.Some.Where(s => s.From.StartsWith("Adam(", StringComparison.Ordinal))];
        using var library = new CLibrary(steps, "-O3", "-ffp-contract=fast", "-march=native");
        Assert.NotEmpty(steps);
        Assert.All(steps, step => Assert.NotNull(StepComparison.Difference(step, library.Run, 1 << 14, 0)));
    }
}
