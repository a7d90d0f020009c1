using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Snippets;

/// <summary>A model as it may be trained in a page: three classes from four numbers.</summary>
sealed class Network : nn.Module<Tensor, Tensor>
{
    public readonly Linear Base = nn.Linear(4, 8);
    public readonly Linear Classifier = nn.Linear(8, 3);

    public Network() : base(nameof(Network)) => RegisterComponents();

    public override Tensor forward(Tensor x) => Classifier.forward(nn.functional.relu(Base.forward(x)));
}
