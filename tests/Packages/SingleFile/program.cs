#:package OptimSharp.Torch@VERSION
#:package libtorch-cpu-linux-x64@2.10.0
#:property PublishAot=false

// A program in one file, with a model that has a Parameter of its own, a parameter over plain memory, and optimizers: names that OptimSharp and TorchSharp both
// have mean what such a file means by them.
using OptimSharp;
using OptimSharp.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

using var input = randn(32, 3);
using var target = input.sum(1, keepdim: true) * 0.5;
using var model = new Scaled();
using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 0.05 });
double first = double.NaN, last = double.NaN;
for (int i = 0; i < 50; i++)
{
    optimizer.ZeroGrad();
    using var loss = nn.functional.mse_loss(model.forward(input), target);
    loss.backward();
    optimizer.Step();
    last = loss.item<float>();
    first = i == 0 ? last : first;
}
Demand(last < first / 2, "the loss is lowered");
Demand(model.Parameters().Any(p => p.Name == "scale"), "the model's own Parameter is among the model's parameters");

Demand(Wrapped(model.Linear.weight!).Name == "", "a layer's weight is a parameter of an optimizer");
static TorchParameter Wrapped(Parameter weight) => weight.AsParameter(); // TorchSharp.Modules has a method of this name, too

float[] values = [1, 2];
var w = Parameter.Of("w", values, 2, 1);
using var plain = new SGD([w], new() { LearningRate = 0.5 });
w.Gradient = new float[] { 2, 2 };
plain.Step();
Demand(values is [0, 1], "a parameter over plain memory is stepped");
OptimizerOptions options = plain.Defaults;
Demand(options.LearningRate == 0.5, "OptimizerOptions is OptimSharp's");
using var half = ones(2, dtype: bfloat16);
Demand(half.data<BFloat16>()[0] == (BFloat16)1f, "BFloat16 is TorchSharp's");
Console.WriteLine($"{first} → {last}");

static void Demand(bool condition, string what)
{
    if (!condition)
        throw new InvalidOperationException($"Not so: {what}.");
}

sealed class Scaled : nn.Module<Tensor, Tensor>
{
    readonly Parameter scale = new(ones(1));
    public readonly Linear Linear = nn.Linear(3, 1);

    public Scaled() : base(nameof(Scaled)) => RegisterComponents();

    public override Tensor forward(Tensor x) => Linear.forward(x) * scale;
}
