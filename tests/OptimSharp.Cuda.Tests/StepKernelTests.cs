using CsCheck;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>A recorded rule, as PTX, has the bits of the rule on the host: run by an interpreter that knows the manual's instructions.</summary>
public class StepKernelTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_rule_with_all_options_and_types_has_the_hosts_bits() => output.WriteLine(StepComparison.OfAll(RecordedSteps.All, new InterpretedDevice().Run, some: 31, more: 4096));

    [Fact]
    public void Rules_that_are_drawn_have_the_hosts_bits() => DrawnFormula.Any.Sample(formula => StepComparison.OfAll([.. DrawnFormula.StepsOf(formula)], new InterpretedDevice().Run, more: 1024), seed: DrawnFormula.SeedOf("000f6xctbMYc"), iter: 200);

    [Fact]
    public void An_operation_that_is_another_one_shows()
    {
        RecordedStep[] mutants = [.. RecordedSteps.Some.SelectMany(Mutants.Of)];
        Assert.All(mutants, mutant => Assert.NotNull(StepComparison.Difference(mutant, new InterpretedDevice().Run, 4096, 0)));
    }

    [Fact]
    public void What_rounds_has_its_mode_and_nothing_is_fused_or_flushed()
    {
        var device = new InterpretedDevice();
        string[] instructions = [.. RecordedSteps.Kernels.SelectMany(step => device.KernelOf(step).Instructions).Distinct()];
        Assert.Superset(new HashSet<string> { "add.rn.f32", "sub.rn.f32", "mul.rn.f32", "div.rn.f32", "sqrt.rn.f32", "add.rn.f64", "sqrt.rn.f64", "cvt.rn.f16.f32" }, instructions.ToHashSet());
        foreach (string[] parts in instructions.Select(i => i.Split('.')))
        {
            bool rounds = parts[0] is "add" or "sub" or "mul" or "div" or "sqrt" && parts[^1][0] == 'f' || parts is ["cvt", .., "f16", "f32"];
            Assert.Equal(rounds, parts.Contains("rn"));
            Assert.DoesNotContain(parts, part => part is "ftz" or "sat" or "approx" or "full" or "fma" or "mad" or "rcp" or "rsqrt");
        }
    }

    [Fact]
    public void AdamW_reads_like_this()
    {
        var rule = new AdamRule<float, Off>(new AdamWOptions { WeightDecay = 0.01 }, default, 0.1, 0.1);
        string text = StepKernel.Source(RecordedRule<AdamRule<float, Off>, float>.Fetch(rule, out _), new(ElementType.Float32), "adamw");
        Shown.In("tests/OptimSharp.Cuda.Tests/adamw.ptx", _ => text);
    }

    [Theory]
    [InlineData("    fma.rn.f32 %f1, %f0, %f0, %f0;")]
    [InlineData("    add.f32 %f1, %f0, %f0;")]
    [InlineData("    add.rn.ftz.f32 %f1, %f0, %f0;")]
    [InlineData("    add.rn.f64 %f1, %f0, %f0;")]
    [InlineData("    add.rn.f32 %f1, %f0, %r0;")]
    [InlineData("    add.rn.f32 %f1, %f0, %f2;")]
    [InlineData("    mov.f32 %f1, 1;")]
    public void The_interpreter_refuses_what_it_does_not_know(string line) => Assert.Throws<NotSupportedException>(() => new PtxKernel(WithLine(line)));

    [Theory]
    [InlineData("    add.rn.f32 %f1, %f0, %f0;")]
    [InlineData("    ld.global.f32 %f1, [%d0];")]
    [InlineData("    st.global.f32 [%d0+4], %f0;")]
    public void The_interpreter_refuses_registers_without_a_value(string line) =>
        Assert.Throws<InvalidOperationException>(() => new PtxKernel(WithLine(line)).Run(1, 1, [0]));

    [Fact]
    public void The_interpreter_refuses_memory_that_it_was_not_given() =>
        Assert.Throws<InvalidOperationException>(() => new PtxKernel(WithLine("    ld.param.u64 %d0, [x];\n    ld.global.f32 %f1, [%d0];")).Run(1, 1, [4096]));

    static string WithLine(string line) =>
        $".version 6.0\n.target sm_60\n.address_size 64\n.visible .entry one(.param .u64 x)\n{{\n    .reg .b32 %r<1>;\n    .reg .b64 %d<1>;\n    .reg .f32 %f<2>;\n{line}\n    ret;\n}}\n";
}
