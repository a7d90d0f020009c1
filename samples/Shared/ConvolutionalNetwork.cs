using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Samples;

/// <summary>A small convolutional network without normalisation, which would hide what rates do: grey images in, the scores of ten classes out.</summary>
sealed class ConvolutionalNetwork : Module<Tensor, Tensor>
{
    readonly Conv2d conv1 = Conv2d(1, 16, kernel_size: 3, padding: 1);
    readonly Conv2d conv2 = Conv2d(16, 32, kernel_size: 3, padding: 1);
    readonly MaxPool2d pool = MaxPool2d(2);
    readonly Linear hidden;
    readonly Linear output = Linear(64, Digits.Classes);

    /// <param name="size">How many pixels an image is wide and high.</param>
    public ConvolutionalNetwork(int size) : base(nameof(ConvolutionalNetwork))
    {
        hidden = Linear(32 * (size / 4) * (size / 4), 64);
        RegisterComponents();
    }

    /// <summary>What is neither first nor last layer nor a bias.</summary>
    public static IReadOnlySet<string> HiddenMatrices { get; } = new HashSet<string> { "conv2.weight", "hidden.weight" };

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = pool.forward(functional.relu(conv1.forward(images)));
        x = pool.forward(functional.relu(conv2.forward(x)));
        return output.forward(functional.relu(hidden.forward(x.flatten(1)))).MoveToOuterDisposeScope();
    }
}
