using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Snippets;

/// <summary>A model as it may be trained in a page: three classes from four numbers.</summary>
sealed class Network : nn.Module<Tensor, Tensor>
{
    public readonly Linear Base = nn.Linear(4, 8);
    public readonly Linear Classifier = nn.Linear(8, 3);

    /// <summary>With the same weights each time, whatever else draws from libtorch's generator, which all tests of a process share.</summary>
    public Network() : base(nameof(Network))
    {
        RegisterComponents();
        var random = new Random(1);
        foreach (var parameter in parameters())
            Numbers.Draw(random, parameter);
    }

    public override Tensor forward(Tensor x) => Classifier.forward(nn.functional.relu(Base.forward(x)));
}

static class Numbers
{
    /// <summary>Fills a tensor with numbers from −½ to ½.</summary>
    public static Tensor Draw(Random random, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        tensor.copy_(torch.tensor([.. Enumerable.Range(0, (int)tensor.numel()).Select(_ => random.NextSingle() - 0.5f)]).reshape(tensor.shape));
        return tensor;
    }
}
