using OptimSharp.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Snippets;

/// <summary>The code of docs/models.md.</summary>
public sealed class ModelSnippets
{
    sealed class LanguageModel : nn.Module<Tensor, Tensor>
    {
        public readonly Embedding Embedding = nn.Embedding(5, 3);
        public readonly Linear Head = nn.Linear(3, 5, hasBias: false);

        public LanguageModel() : base(nameof(LanguageModel)) => RegisterComponents();

        public override Tensor forward(Tensor tokens) => Head.forward(Embedding.forward(tokens));
    }

    [Fact]
    public void Shared_weights_are_one_parameter_and_stay_so_when_the_model_moves()
    {
        using var scope = NewDisposeScope();
        using var model = new LanguageModel();
        model.Head.weight = model.Embedding.weight!;

        using var optimizer = new AdamW(model.Parameters());                         // "Embedding.weight", once
        var state = model.StateDict();                                               // "Embedding.weight" and "Head.weight"
        var moments = optimizer.StateOf(model.Head.weight.AsParameter("any name"));  // null before the first step
        Assert.Equal(["Embedding.weight"], optimizer.ParameterGroups[0].Parameters.Select(p => p.Name));
        Assert.Equal(["Embedding.weight", "Head.weight"], state.Keys.Select(k => k.Name));
        Assert.Null(moments);

        Train();
        Assert.NotNull(optimizer.StateOf(model.Head.weight!.AsParameter()));

        model.to(torch.float64);
        optimizer.Rebind(model.Parameters());

        Assert.Single(model.Parameters()); // in this order of layers the tie stays
        Train();
        Assert.Equal(2, optimizer.StateOf(model.Head.weight!.AsParameter())!.Step);
        Assert.Equal(model.Embedding.weight!.data<double>().ToArray(), model.Head.weight!.data<double>().ToArray());

        void Train()
        {
            optimizer.ZeroGrad();
            nn.functional.cross_entropy(model.forward(tensor(new long[] { 0, 1, 2 })), tensor(new long[] { 1, 2, 3 })).backward();
            optimizer.Step();
        }
    }
}
