using OptimSharp.Conformance;

namespace OptimSharp.Tests.Groups;

/// <summary>The state of groups that rules made: PyTorch's on disk, and matched by names.</summary>
public class RuledStateTests
{
    static readonly (string Name, long[] Shape)[] model = [("embed.weight", [5, 3]), ("h0.norm.weight", [3]), ("h0.linear.weight", [3, 3]), ("h1.norm.weight", [3]), ("h1.linear.weight", [3, 3]), ("head.bias", [2])];

    static readonly GroupRules<AdamWOptions> rules = new GroupRules<AdamWOptions>().NoDecayOnVectors().LayerDecay(0.5, "h{i}.**", first: "embed.*", last: "head.*");

    // The same model, gradients and rules in PyTorch: a whole run of nine steps, and steps 3 to 5 of one that begins and ends elsewhere.
    const string Script =
        """
        import math, torch

        model = [("embed.weight", (5, 3)), ("h0.norm.weight", (3,)), ("h0.linear.weight", (3, 3)), ("h1.norm.weight", (3,)), ("h1.linear.weight", (3, 3)), ("head.bias", (2,))]
        layer = {"embed": 0, "h0": 1, "h1": 2, "head": 3}

        def parameters():
            return {name: torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for name, shape in model}

        def step(optimizer, made, number):
            for k, parameter in enumerate(made.values()):
                parameter.grad = torch.tensor([math.sin(k + 3 * number + i) for i in range(parameter.numel())], dtype=torch.float64).view_as(parameter)
            optimizer.step()

        whole = parameters()
        optimizer = torch.optim.AdamW([{"params": [p], "lr": 0.1 * 0.5 ** (3 - layer[name.split(".")[0]]), "weight_decay": 0.25 if p.ndim > 1 else 0.0} for name, p in whole.items()])
        for number in range(9):
            step(optimizer, whole, number)
        torch.save({name: p.detach() for name, p in whole.items()}, "whole.pt")

        saved = torch.load("ours.pt")
        made = parameters()
        with torch.no_grad():
            for name, p in made.items():
                p.copy_(saved["model"][name])
        optimizer = torch.optim.AdamW([{"params": [made[name] for name in group["param_names"]], "param_names": group["param_names"]} for group in saved["optimizer"]["param_groups"]])
        optimizer.load_state_dict(saved["optimizer"])
        for number in range(3, 6):
            step(optimizer, made, number)
        torch.save({"model": {name: p.detach() for name, p in made.items()}, "optimizer": optimizer.state_dict()}, "theirs.pt")
        """;

    [Fact]
    public async Task A_state_goes_to_PyTorch_and_back_by_names()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        string folder = Directory.CreateTempSubdirectory("optimsharp-groups-").FullName;
        try
        {
            var cancellation = TestContext.Current.CancellationToken;
            var first = Parameters();
            using (var optimizer = new AdamW(rules.Of(first), new() { LearningRate = 0.1, WeightDecay = 0.25 }))
            {
                Steps(optimizer, first, 0, 3);
                Checkpoint.Save(Path.Combine(folder, "ours.pt"), new() { { "model", Values(first) }, { "optimizer", optimizer.StateDict() } });
            }
            await File.WriteAllTextAsync(Path.Combine(folder, "script.py"), Script, cancellation);
            await PythonWithTorch.RunAsync(python!, folder, "script.py");
            StateDict theirs = Checkpoint.Load(Path.Combine(folder, "theirs.pt")), whole = Checkpoint.Load(Path.Combine(folder, "whole.pt"));

            // The same rules.
            Ends(new AdamW(rules.Of(Loaded(theirs, out var same)), new() { LearningRate = 7 }), same, new());
            // Parameters in another order, in one group, that becomes those of the state.
            Ends(new AdamW(Loaded(theirs, out var one).Reverse()), one, new() { RebuildGroups = true });
            // A group for each parameter: each takes what its parameter had.
            Ends(new AdamW([.. Loaded(theirs, out var each).Reverse().Select(p => new ParameterGroup<AdamWOptions>([p]))]), each, new());
            // Other rules of the same meaning, that keep their options and take the states.
            var others = new GroupRules<AdamWOptions>().For("**.linear.*", o => o with { WeightDecay = 0.25 }).For("embed.*", o => o with { WeightDecay = 0.25, LearningRate = 0.0125 }).For("h{i}.**", (o, i) => o with { LearningRate = 0.025 * (i + 1) });
            Ends(new AdamW(others.Of(Loaded(theirs, out var kept)), new() { LearningRate = 0.1, WeightDecay = 0 }), kept, new() { Keep = ["lr", "weight_decay"] });

            void Ends(AdamW optimizer, Parameter<double>[] parameters, LoadStateOptions loading)
            {
                using (optimizer)
                {
                    Assert.True(optimizer.LoadStateDict(theirs.GetDict("optimizer"), loading).IsComplete);
                    Assert.All(parameters, p => Assert.Equal(6, optimizer.StateOf(p)!.Step));
                    Steps(optimizer, parameters, 6, 9);
                    Assert.All(parameters, p => Assert.Null(Comparison.Difference(whole.GetTensor(p.Name).ToDoubles(), p.Values.ToArray(), 1e-12)));
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_groups_of_rules_are_saved_with_the_names_of_their_parameters()
    {
        using var optimizer = new AdamW(rules.Freeze("h0.norm.*").Of(Parameters()), new() { LearningRate = 0.1, WeightDecay = 0.25 });
        var groups = optimizer.StateDict().GetDicts("param_groups");
        Assert.Equal(["['embed.weight']", "['h0.linear.weight']", "['h1.norm.weight']", "['h1.linear.weight']", "['head.bias']"], groups.Select(g => StateDict.Text(g["param_names"])));
        Assert.Equal([0.0125, 0.025, 0.05, 0.05, 0.1], groups.Select(g => g.GetDouble("lr")));
        Assert.Equal([0.25, 0.25, 0, 0.25, 0], groups.Select(g => g.GetDouble("weight_decay")));
    }

    [Fact]
    public void A_state_from_before_a_thaw_is_resumed_after_it()
    {
        var (parameters, again) = (Parameters(), Parameters());
        var frozen = rules.Freeze("{embed,h0,h1}.**");
        using var optimizer = new AdamW(frozen.Of(parameters), new() { LearningRate = 0.1 });
        Steps(optimizer, parameters, 0, 2);
        optimizer.AddParameterGroups(frozen.Thaw("h1.**").Of(parameters));
        Steps(optimizer, parameters, 2, 4);
        using var resumed = new AdamW(frozen.Of(again), new() { LearningRate = 0.1 });
        resumed.AddParameterGroups(frozen.Thaw("h1.**").Of(again));
        foreach (var (to, from) in again.Zip(parameters))
            from.Values.CopyTo(to.Values);
        Assert.True(resumed.LoadStateDict(optimizer.StateDict()).IsComplete);
        Steps(optimizer, parameters, 4, 6);
        Steps(resumed, again, 4, 6);
        Assert.All(again.Zip(parameters), x => Assert.Equal(x.Second.Values.ToArray(), x.First.Values.ToArray()));
        Assert.Equal("", optimizer.Audit().Diff(resumed.Audit()));
    }

    static Parameter<double>[] Parameters() => [.. model.Select(x => Parameter.Of(x.Name, new double[x.Shape.Aggregate(1L, (a, b) => a * b)], x.Shape))];

    static Parameter<double>[] Loaded(StateDict from, out Parameter<double>[] parameters)
    {
        parameters = Parameters();
        foreach (var p in parameters)
            from.GetDict("model").GetTensor(p.Name).ToDoubles().CopyTo(p.Values);
        return parameters;
    }

    static StateDict Values(IEnumerable<Parameter<double>> parameters)
    {
        var state = new StateDict();
        foreach (var p in parameters)
            state.Add(p.Name, TensorData.Of(p.Values.ToArray(), p.Shape));
        return state;
    }

    static void Steps(AdamW optimizer, Parameter<double>[] parameters, int first, int end)
    {
        for (int step = first; step < end; step++)
        {
            foreach (var (k, p) in parameters.Index())
                p.Gradient = Enumerable.Range(0, (int)p.Count).Select(i => Math.Sin(k + 3 * step + i)).ToArray();
            optimizer.Step();
        }
    }
}
