using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Net = TorchSharp.Modules.Sequential;

namespace OptimSharp.Torch.Tests.Averaging;

/// <summary>Scopes that put something else into a model's parameters, when these are gone at the end: it is said, and nothing is written where they were.</summary>
public class MovedInScopeTests
{
    [Fact]
    public void The_end_of_a_view_names_parameters_that_are_gone()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        using var optimizer = new SGDScheduleFree(model.Parameters(), new() { LearningRate = 0.1 });
        Gradients(model);
        optimizer.Step();
        Gradients(model);
        optimizer.Step();
        Said(model, () => optimizer.EvalView());
        Assert.False(optimizer.IsInEvalView);
        optimizer.Rebind(model.Parameters());
        optimizer.Step(); // nothing is held any more
    }

    [Fact]
    public void So_does_that_of_slow_weights()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        using var optimizer = new SGD(model.Parameters());
        using var lookahead = new Lookahead(optimizer);
        Said(model, () => lookahead.SwapIn());
        optimizer.Rebind(model.Parameters());
        optimizer.Step();
    }

    [Fact]
    public void So_does_that_of_SAM()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        using var optimizer = new SGD(model.Parameters());
        using var sam = new SAM(optimizer);
        Gradients(model);
        Said(model, () => sam.Perturb());
        optimizer.Rebind(model.Parameters());
        Gradients(model);
        sam.Perturb().Dispose();
        optimizer.Step();
    }

    [Fact]
    public void So_does_that_of_averages_unless_they_are_told_the_new_ones()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        using var averages = new AveragedParameters(model.Parameters());
        averages.Update();
        Said(model, () => averages.SwapIn());

        using var other = Model();
        using var told = new AveragedParameters(other.Parameters());
        told.Update();
        Fill(other, 7);
        using (told.SwapIn())
        {
            other.to(float64);
            told.Rebind(other.Parameters());
            Fill(other, 9);
        }
        Assert.All(other.parameters(), parameter => Assert.All(Models.Values(parameter), value => Assert.Equal(7, value)));
    }

    // What the end of the scope says takes the place of the exception that is under way: weights are lost, which nobody would notice.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_exception_in_a_view_leaves_what_is_not_gone_as_it_was(bool moves)
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        using var optimizer = new SGDScheduleFree(model.Parameters(), new() { LearningRate = 0.1 });
        Gradients(model);
        optimizer.Step();
        double[] before = Models.Values(model.parameters().First());
        var error = Record.Exception(View);
        Assert.Equal(moves ? typeof(InvalidOperationException) : typeof(TimeoutException), error!.GetType());
        Assert.Equal(before, Models.Values(model.parameters().First()));

        void View()
        {
            using var view = optimizer.EvalView();
            Fill(model, double.NaN);
            if (moves)
                model.children().Last().to(float64);
            throw new TimeoutException();
        }
    }

    [Fact]
    public void After_the_end_of_an_averaged_model_calls_name_it()
    {
        using var model = Model();
        var average = new AveragedModel<Net>(model);
        average.Dispose();
        foreach (var call in (Action[])[average.Update, () => average.SwapIn(), () => average.StateDict()])
            Assert.Equal(average.GetType().FullName, Assert.Throws<ObjectDisposedException>(call).ObjectName);
    }

    /// <summary>In the scope the second layer gets new parameters. The first one keeps its own, which get their bits back.</summary>
    static void Said(Net model, Func<IDisposable> open)
    {
        Fill(model, 3);
        double[] before = Models.Values(model.parameters().First());
        var scope = open();
        Fill(model, double.NaN);
        model.children().Last().to(float64);
        var error = Assert.Throws<InvalidOperationException>(scope.Dispose);
        Assert.Contains("because their tensors were disposed in it: '1.weight' [1, 2] Float32, '1.bias' [1] Float32.", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Models.Values(model.parameters().First()));
        Assert.All(Models.Values(model.parameters().Last()), value => Assert.Equal(double.NaN, value));
        scope.Dispose(); // once only
    }

    static Net Model() => Sequential(("0", Linear(2, 2)), ("1", Linear(2, 1)));

    static void Gradients(Net model)
    {
        foreach (var parameter in model.parameters())
            parameter.grad = ones_like(parameter);
    }

    static void Fill(Net model, double value)
    {
        using var noGrad = no_grad();
        foreach (var parameter in model.parameters())
            parameter.fill_(value);
    }
}
