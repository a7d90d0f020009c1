using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Samples;

/// <summary>A small convolutional network: grey images in, the scores of ten classes out.</summary>
public sealed class Network : Module<Tensor, Tensor>
{
    readonly Conv2d conv1 = Conv2d(1, 16, kernel_size: 3, padding: 1);
    readonly Conv2d conv2 = Conv2d(16, 32, kernel_size: 3, padding: 1);
    readonly MaxPool2d pool = MaxPool2d(2);
    readonly Dropout dropout = Dropout(0.25);
    readonly Linear hidden, output;

    /// <param name="size">How many pixels an image is wide and high.</param>
    public Network(int size = 8) : base(nameof(Network))
    {
        hidden = Linear(32 * (size / 2) * (size / 2), 64);
        output = Linear(64, Digits.Classes);
        RegisterComponents();
    }

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = functional.relu(conv1.forward(images));
        x = pool.forward(functional.relu(conv2.forward(x)));
        x = functional.relu(hidden.forward(dropout.forward(x.flatten(1))));
        return output.forward(dropout.forward(x)).MoveToOuterDisposeScope();
    }
}
