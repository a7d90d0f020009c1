using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

/// <summary>The model. Put yours in its place. This one: grey images of 8×8 pixels in, the scores of ten classes out.</summary>
sealed class Network : Module<Tensor, Tensor>
{
    readonly Conv2d conv1 = Conv2d(1, 16, kernel_size: 3, padding: 1);
    readonly Conv2d conv2 = Conv2d(16, 32, kernel_size: 3, padding: 1);
    readonly MaxPool2d pool = MaxPool2d(2);
    readonly Dropout dropout = Dropout(0.25);
    readonly Linear hidden = Linear(32 * 4 * 4, 64);
    readonly Linear output = Linear(64, 10);

    public Network() : base(nameof(Network)) => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        var x = functional.relu(conv1.forward(images));
        x = pool.forward(functional.relu(conv2.forward(x)));
        x = functional.relu(hidden.forward(dropout.forward(x.flatten(1))));
        return output.forward(dropout.forward(x)).MoveToOuterDisposeScope();
    }
}
