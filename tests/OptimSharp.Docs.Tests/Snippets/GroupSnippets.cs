using System.Globalization;
using System.Text.RegularExpressions;
using OptimSharp;
using OptimSharp.Conformance;
using OptimSharp.Docs.Tests;
using OptimSharp.Schedulers;
using OptimSharp.Testing;
using OptimSharp.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/groups.md and docs/groups-of-projects.md.</summary>
public sealed class GroupSnippets : IDisposable
{
    readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    readonly List<double> printed = [];

    public void Dispose() => scope.Dispose();

    sealed class Encoder : nn.Module<Tensor, Tensor>
    {
        readonly EmbeddingWithPositions embed = new();
        readonly ModuleList<Linear> layers = [nn.Linear(4, 4), nn.Linear(4, 4)];
        readonly LayerNorm norm = nn.LayerNorm(4);
        readonly Linear head = nn.Linear(4, 3);

        public Encoder() : base(nameof(Encoder)) => RegisterComponents();

        public override Tensor forward(Tensor x) => head.forward(norm.forward(layers.Aggregate(embed.forward(x), (y, layer) => layer.forward(y))));
    }

    sealed class EmbeddingWithPositions : nn.Module<Tensor, Tensor>
    {
        readonly Parameter tokens = nn.Parameter(zeros(10, 4)), positions = nn.Parameter(zeros(6, 4));

        public EmbeddingWithPositions() : base("embed") => RegisterComponents();

        public override Tensor forward(Tensor x) => tokens.index_select(0, x) + positions.narrow(0, 0, x.shape[0]);
    }

    sealed class Classifier : nn.Module<Tensor, Tensor>
    {
        readonly Linear embed = nn.Linear(4, 8);
        readonly ModuleList<Linear> layers = [nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)];
        readonly LayerNorm norm = nn.LayerNorm(8);
        readonly Linear head = nn.Linear(8, 3);

        public Classifier() : base(nameof(Classifier)) => RegisterComponents();

        public override Tensor forward(Tensor x)
        {
            x = embed.forward(x);
            foreach (var layer in layers)
                x = x + tanh(layer.forward(x));
            return head.forward(norm.forward(x));
        }
    }

    [Fact]
    public void Rules_and_their_audit()
    {
        using var model = new Encoder();

        var rules = new GroupRules<AdamWOptions>()
            .For("**.bias", o => o with { WeightDecay = 0 })
            .For(p => p.Shape.Length < 2, o => o with { WeightDecay = 0 })
            .LayerDecay(0.75, "layers.{i}.**", first: "embed.**", last: "head.**")
            .Freeze("embed.positions");
        using var optimizer = new AdamW(rules.Of(model.Parameters()), new() { LearningRate = 3e-4 });
        Console.WriteLine(optimizer.Audit());

        string shown = Markdown.Read("docs/groups.md").Split("<!-- audit -->\n```\n")[1].Split("\n```\n<!-- /audit -->")[0];
        Assert.Equal(shown, optimizer.Audit().ToString());

        var before = optimizer.Audit();
        optimizer.ParameterGroups[0].LearningRate = 1e-5;
        Console.WriteLine(before.Diff(optimizer.Audit()));

        Assert.Equal("~ 'embed.tokens': lr 0.0001265625 (LayerDecay(0.75, layers.{i}.**)) → 1E-05 (set later)", before.Diff(optimizer.Audit()));
    }

    [Fact]
    public void Refusals()
    {
        using var model = new Classifier();
        string message = Assert.Throws<ArgumentException>(() => new GroupRules<AdamWOptions>().For("layer.*.bias", o => o).Of(model.Parameters())).Message;
        Assert.Contains($"```\n{message.Split(" (Parameter ")[0]}\n```", Markdown.Read("docs/groups.md"), StringComparison.Ordinal);
    }

    [Fact]
    public void Thawing()
    {
        using var model = new Classifier();
        var rules = new GroupRules<AdamWOptions>().LayerDecay(0.5, "layers.{i}.**", last: "{norm,head}.**").Freeze("{embed,layers}.**");
        using var optimizer = new AdamW(rules.Of(model.Parameters()), new() { LearningRate = 1 });

        optimizer.AddParameterGroups(rules.Thaw("layers.2.**").Of(model.Parameters()));

        Assert.Equal([1, 0.5], optimizer.ParameterGroups.Select(g => g.LearningRate));
    }

    [Fact]
    public void Thawing_under_a_schedule()
    {
        OptimSharp.Parameter[] parameters = [OptimSharp.Parameter.Of("body.weight", new float[2]), OptimSharp.Parameter.Of("head.weight", new float[2])];
        int trained = 0;

        var rules = new GroupRules<AdamWOptions>()
            .For("body.*", o => o with { LearningRate = 0.1 * o.LearningRate })
            .Freeze("body.*");
        using var optimizer = new AdamW(rules.Of(parameters), new() { LearningRate = 1e-3 });
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 20);
        var decay = OptionScheduler.Over(optimizer, "weight_decay", o => new CosineAnnealingLR(o, tMax: 20, etaMin: 0.001));
        for (int epoch = 0; epoch < 20; epoch++)
        {
            if (epoch == 10)
            {
                optimizer.AddParameterGroups(rules.Thaw("body.*").Of(parameters));
                scheduler.IncludeAddedGroups(); // body: 0.1 times the head's rate, then and later
                decay.IncludeAddedGroups();
            }
            Train();
            scheduler.Step();
            decay.Step();
        }

        Assert.Equal(20, trained);

        void Train()
        {
            // The cosine of the step, of each group's own base.
            double part = (1 + Math.Cos(Math.PI * trained / 20)) / 2;
            Assert.Equal(trained < 10 ? 1 : 2, optimizer.ParameterGroups.Count);
            foreach (var (i, group) in optimizer.ParameterGroups.Index())
            {
                Assert.Equal(part * (i == 0 ? 1e-3 : 1e-4), group.LearningRate, 1e-15);
                Assert.Equal(0.001 + (0.01 - 0.001) * part, group.Options.WeightDecay, 1e-14);
            }
            optimizer.Step();
            trained++;
        }
    }

    // What the page's script prints with PyTorch 2.14.
    static readonly double[] pytorch =
    [
        1.225536584854126, 1.1771717071533203, 1.141272783279419, 1.117350697517395, 1.104879379272461, 1.102347731590271, 1.1063239574432373, 1.1119599342346191, 1.1155260801315308, 1.1159294843673706,
        1.1137274503707886, 1.1064471006393433, 1.1018632650375366, 1.0983638763427734, 1.0952587127685547, 1.0929704904556274, 1.0918875932693481, 1.0919080972671509, 1.0924607515335083, 1.092851996421814,
    ];

    [Fact]
    public async Task Fine_tuning_gives_pytorchs_losses()
    {
        using var model = new Classifier();
        FineTune(model);
        Assert.Null(Comparison.Difference(pytorch, [.. printed], 1e-5));

        if (await PythonWithTorch.FindAsync() is not { } python)
            return;
        string folder = Directory.CreateTempSubdirectory("optimsharp-fine-tuning-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "script.py"), Markdown.Read("docs/groups.md").Split("```python\n")[1].Split("```")[0], TestContext.Current.CancellationToken);
            string output = await PythonWithTorch.RunAsync(python, folder, "script.py");
            Assert.Null(Comparison.Difference([.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(x => double.Parse(x, CultureInfo.InvariantCulture))], [.. printed], 1e-5));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    void Print(double loss) => printed.Add(loss);

    void FineTune(Classifier model)
    {
        using (no_grad())
        {
            foreach (var parameter in model.parameters())
                parameter.copy_(arange(parameter.numel(), ScalarType.Float32).sin().view_as(parameter) / 2);
        }
        var inputs = arange(30 * 4, ScalarType.Float32).cos().view(30, 4);
        var targets = arange(30, ScalarType.Int64) % 3;

        var rules = new GroupRules<AdamWOptions>()
            .NoDecayOnVectors()
            .LayerDecay(0.75, "layers.{i}.*", first: "embed.*", last: "{norm,head}.*")
            .Freeze("{embed,layers}.**");
        var parameters = rules.Of(model.Parameters());
        using var optimizer = new AdamW(parameters, new() { LearningRate = 0.02, WeightDecay = 0.1 });
        foreach (var frozen in parameters.Frozen.Cast<TorchParameter>())
            frozen.Tensor.requires_grad = false;

        for (int step = 0; step < 20; step++)
        {
            if (step == 10)
            {
                optimizer.AddParameterGroups(rules.Thaw("**").Of(model.Parameters()));
                foreach (var frozen in parameters.Frozen.Cast<TorchParameter>())
                    frozen.Tensor.requires_grad = true;
            }
            optimizer.ZeroGrad();
            using var loss = nn.functional.cross_entropy(model.forward(inputs), targets);
            loss.backward();
            optimizer.Step();
            Print(loss.item<float>());
        }
    }

    [Fact]
    public void Timm()
    {
        string[] names = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "blocks.0.norm1.weight", "blocks.0.mlp.fc1.weight", "blocks.1.mlp.fc1.weight", "blocks.1.mlp.fc1.bias", "norm.weight", "head.weight", "head.bias"];
        var rules = new GroupRules<AdamWOptions>()
            .NoDecayOnVectors()
            .For("{pos_embed,cls_token,**.bias}", o => o with { WeightDecay = 0 });
        Assert.Equal("patch_embed.proj.weight blocks.0.mlp.fc1.weight blocks.1.mlp.fc1.weight head.weight", Decayed(rules, names));

        rules = ByLayers();
        using var optimizer = new AdamW(rules.Of(Made(names)), new() { LearningRate = 1 });
        // As param_groups_layer_decay: the scale is 0.75^(3 − layer), of layers 0 (embedding) to 3 (head).
        Assert.Equal([0.421875, 0.421875, 0.5625, 0.5625, 0.75, 0.75, 1, 1], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Assert.Contains("blocks.1.mlp.fc1.bias norm.weight", optimizer.ParameterGroups.Select(g => string.Join(' ', g.Parameters.Select(p => p.Name))));

        static GroupRules<AdamWOptions> ByLayers()
        {
            var rules = new GroupRules<AdamWOptions>()
                .NoDecayOnVectors()
                .LayerDecay(0.75, "blocks.{i}.**", first: "{pos_embed,cls_token,patch_embed.**}", last: "head.*")
                .For("norm.*", o => o with { LearningRate = 0.75 * o.LearningRate });
            return rules;
        }
    }

    [Fact]
    public void Trainer()
    {
        var rules = new GroupRules<AdamWOptions>()
            .NoDecayOnVectors()
            .For(new Regex(@".*(bias|layernorm|rmsnorm|(^|\.)norm(\.|$)|_norm(\.|$)).*", RegexOptions.IgnoreCase), o => o with { WeightDecay = 0 }).Optional();

        // What the Trainer's expressions find, looked for anywhere in a name in small letters, has no decay.
        string[] names = ["embed.weight", "model.LayerNorm.w2d.weight", "h.0.attn.bias2d.weight", "h.0.norm.weight", "h.0.q_norm.weight", "h.0.q_norms.weight", "h.0.normal.weight", "norm.weight", "final_norm", "h.0.scale"];
        Assert.Equal("embed.weight h.0.q_norms.weight h.0.normal.weight", Decayed(rules, names, allMatrices: true));
    }

    [Fact]
    public void MMEngine()
    {
        var rules = new GroupRules<SGDOptions>()
            .For("**.bias", o => o with { LearningRate = 2 * o.LearningRate })
            .Only("**.{bn,norm}*.*", o => o with { WeightDecay = 0 }).Optional()
            .Only("backbone.**", o => o with { LearningRate = 0.1 * o.LearningRate, WeightDecay = 0.9 * o.WeightDecay });

        using var optimizer = new SGD(rules.Of(Made(["backbone.conv.weight", "backbone.bn1.bias", "neck.conv.weight", "neck.conv.bias", "neck.bn1.weight", "neck.bn1.bias"])), new() { LearningRate = 1, WeightDecay = 0.5 });
        Assert.Equal([("backbone.conv.weight backbone.bn1.bias", 0.1, 0.45), ("neck.conv.weight", 1, 0.5), ("neck.conv.bias", 2, 0.5), ("neck.bn1.weight neck.bn1.bias", 1, 0)],
            optimizer.ParameterGroups.Select(g => (string.Join(' ', g.Parameters.Select(p => p.Name)), g.LearningRate, g.Options.WeightDecay)));
    }

    static string Decayed(GroupRules<AdamWOptions> rules, string[] names, bool allMatrices = false)
    {
        using var optimizer = new AdamW(rules.Of(Made(names, allMatrices)));
        return string.Join(' ', optimizer.ParameterGroups.Where(g => g.Options.WeightDecay != 0).SelectMany(g => g.Parameters).Select(p => p.Name));
    }

    static IEnumerable<OptimSharp.Parameter> Made(string[] names, bool allMatrices = false) => names.Select(name =>
        (OptimSharp.Parameter)OptimSharp.Parameter.Of(name, new float[4], name.EndsWith("scale", StringComparison.Ordinal) || !allMatrices && (name.EndsWith("bias", StringComparison.Ordinal) || name.Contains("norm", StringComparison.Ordinal)) ? [4L] : [2, 2]));
}
