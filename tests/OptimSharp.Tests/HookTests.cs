using OptimSharp.Tests.Support;

namespace OptimSharp.Tests;

/// <summary>Hooks before and after steps, of one optimizer and of all.</summary>
[Collection(Alone.Name)]
public class HookTests
{
    readonly Parameter<float> parameter = Parameter.Of("w", new float[] { 1 });

    // Upstream: test_step_pre_hook (5, then 9 after two more steps and none after removal).
    [Fact]
    public void A_hook_before_runs_at_each_step_until_it_is_removed()
    {
        int data = 5;
        EventHandler hook = (_, _) => data += 2;
        using var optimizer = new SGD([parameter]);
        optimizer.Stepping += hook;
        optimizer.Step();
        optimizer.Step(() => 0);
        Assert.Equal(9, data);
        optimizer.Stepping -= hook;
        optimizer.Step();
        Assert.Equal(9, data);
    }

    // Upstream: test_step_post_hook (2, then 6).
    [Fact]
    public void A_hook_after_runs_at_each_step_until_it_is_removed()
    {
        int data = 2;
        EventHandler hook = (_, _) => data += 2;
        using var optimizer = new SGD([parameter]);
        optimizer.Stepped += hook;
        optimizer.Step();
        optimizer.Step(() => 0);
        Assert.Equal(6, data);
        optimizer.Stepped -= hook;
        optimizer.Step();
        Assert.Equal(6, data);
    }

    // Upstream: test_step_all_hooks: [0, 1, 2, 5] for two optimizers, none after removal.
    [Fact]
    public void Hooks_of_all_optimizers_are_the_outer_ones()
    {
        using SGD first = new([parameter]), second = new([parameter]);
        var calls = new List<(object? Sender, int Hook)>();
        EventHandler Hook(int number) => (sender, _) => calls.Add((sender, number));
        EventHandler before = Hook(0), after = Hook(5), ownBefore = Hook(1), ownAfter = Hook(2);
        Optimizer.AnyStepping += before;
        Optimizer.AnyStepped += after;
        try
        {
            foreach (var optimizer in new[] { first, second })
            {
                calls.Clear();
                optimizer.Stepping += ownBefore;
                optimizer.Stepped += ownAfter;
                optimizer.Step();
                Assert.Equal([(optimizer, 0), (optimizer, 1), (optimizer, 2), (optimizer, 5)], calls);
                optimizer.Step(() => 0);
                Assert.Equal([0, 1, 2, 5, 0, 1, 2, 5], calls.Select(c => c.Hook));
                optimizer.Stepping -= ownBefore;
                optimizer.Stepped -= ownAfter;
            }
        }
        finally
        {
            Optimizer.AnyStepping -= before;
            Optimizer.AnyStepped -= after;
        }
        calls.Clear();
        first.Step();
        Assert.Empty(calls);
    }

    [Fact]
    public void Hooks_before_run_before_the_closure_and_those_after_see_the_step_done()
    {
        parameter.Gradient = new float[] { 1 };
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.25 });
        var seen = new List<string>();
        optimizer.Stepping += (_, _) => seen.Add($"before {parameter.Values.Span[0]}");
        optimizer.Stepped += (_, _) => seen.Add($"after {parameter.Values.Span[0]}");
        optimizer.Step(() =>
        {
            seen.Add("closure");
            return 0;
        });
        Assert.Equal(["before 1", "closure", "after 0.75"], seen);
    }

    [Fact]
    public void A_hook_before_that_throws_stops_the_step()
    {
        parameter.Gradient = new float[] { 1 };
        using var optimizer = new Adam([parameter]);
        EventHandler hook = (_, _) => throw new FormatException("mine");
        optimizer.Stepping += hook;
        optimizer.Stepped += (_, _) => Assert.Equal(1, optimizer.StateOf(parameter)!.Step);
        Assert.Throws<FormatException>(optimizer.Step);
        Assert.Equal(1, parameter.Values.Span[0]);
        Assert.Null(optimizer.StateOf(parameter));
        optimizer.Stepping -= hook;
        optimizer.Step();
        Assert.Equal(1, optimizer.StateOf(parameter)!.Step);
    }

    // The step was taken: who keeps count of steps (Lookahead) must hear of it, whatever another handler throws.
    [Fact]
    public void All_hooks_after_a_step_run_and_what_the_first_threw_comes_out()
    {
        parameter.Gradient = new float[] { 1 };
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.25 });
        var seen = new List<int>();
        EventHandler last = (_, _) => seen.Add(4);
        optimizer.Stepped += (_, _) => throw new FormatException("first");
        optimizer.Stepped += (_, _) => seen.Add(1);
        optimizer.Stepped += (_, _) => throw new TimeoutException("second");
        using var lookahead = new Lookahead(optimizer, new() { Steps = 3, Alpha = 0.5 });
        optimizer.Stepped += (_, _) => seen.Add(lookahead.StepsAhead + 1);
        Optimizer.AnyStepped += last;
        try
        {
            Assert.Equal("first", Assert.Throws<FormatException>(optimizer.Step).Message);
            Assert.Equal("first", Assert.Throws<FormatException>(() => optimizer.Step(() => 0)).Message);
            Assert.Equal("first", Assert.Throws<FormatException>(() => new TrainingStep(optimizer).Step()).Message);
        }
        finally
        {
            Optimizer.AnyStepped -= last;
        }
        Assert.Equal([1, 2, 4, 1, 3, 4, 1, 1, 4], seen);
        // 1, ¾, ½, ¼, and half of the way back to 1.
        Assert.Equal(0.625f, parameter.Values.Span[0]);
    }

    [Fact]
    public void All_hooks_after_loading_run_and_what_the_first_threw_comes_out()
    {
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.25 });
        using var other = new SGD([parameter], new() { LearningRate = 0.5 });
        bool heard = false;
        optimizer.StateLoaded += (_, _) => throw new FormatException();
        optimizer.StateLoaded += (_, _) => heard = true;
        Assert.Throws<FormatException>(() => optimizer.LoadStateDict(other.StateDict()));
        Assert.True(heard);
        Assert.Equal(0.5, optimizer.ParameterGroups[0].LearningRate);
    }

    [Fact]
    public void Hooks_do_not_run_after_a_closure_that_throws()
    {
        using var optimizer = new SGD([parameter]);
        optimizer.Stepped += (_, _) => Assert.Fail("No step was taken.");
        Assert.Throws<FormatException>(() => optimizer.Step<double>(() => throw new FormatException()));
    }
}
