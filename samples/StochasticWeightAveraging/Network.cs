using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Samples;

/// <summary>A small convolutional network with batch normalisation: grey images in, the scores of ten classes out.</summary>
public sealed class Network : Module<Tensor, Tensor>
{
    readonly Conv2d conv1 = Conv2d(1, 16, kernel_size: 3, padding: 1, bias: false);
    readonly BatchNorm2d norm1 = BatchNorm2d(16);
    readonly Conv2d conv2 = Conv2d(16, 32, kernel_size: 3, padding: 1, bias: false);
    readonly BatchNorm2d norm2 = BatchNorm2d(32);
    readonly MaxPool2d pool = MaxPool2d(2);
    readonly Linear output;

    /// <param name="size">How many pixels an image is wide and high.</param>
    public Network(int size) : base(nameof(Network))
    {
        output = Linear(32 * (size / 4) * (size / 4), Digits.Classes);
        RegisterComponents();
    }

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = pool.forward(functional.relu(norm1.forward(conv1.forward(images))));
        x = pool.forward(functional.relu(norm2.forward(conv2.forward(x))));
        return output.forward(x.flatten(1)).MoveToOuterDisposeScope();
    }
}
