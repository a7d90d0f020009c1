// A program that has the packages OptimSharp.Torch, OptimSharp.TensorBoard and libtorch. Like most files with a model, it imports
// TorchSharp.Modules, whose optimizers and writer have the same names: SGD and SummaryWriter must be ours all the same.
using OptimSharp;
using OptimSharp.Schedulers;
using OptimSharp.TensorBoard;
using OptimSharp.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

manual_seed(1);
using var input = randn(64, 2);
using var target = (input * tensor(new[] { 1.5f, -0.5f })).sum(1, keepdim: true) + 0.25f;
using var model = new Network();
string folder = Directory.CreateTempSubdirectory("optimsharp-log-").FullName;

using (var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.01, Momentum = 0.9 }))
{
    Demand(typeof(SGD).Assembly.GetName().Name == "OptimSharp", "SGD is OptimSharp's");
    Train(optimizer);
}
using (var optimizer = new SGD(
    [
        new(model.Base.Parameters()),
        new(model.Classifier.Parameters(), o => o with { LearningRate = 1e-3 }),
    ],
    new() { LearningRate = 1e-2, Momentum = 0.9 }))
{
    Demand(optimizer.ParameterGroups[0].LearningRate == 1e-2 && optimizer.ParameterGroups[1].LearningRate == 1e-3, "groups have their rates");
    Train(optimizer);
}
using (var optimizer = new Adam(model.Parameters()))
    Train(optimizer);

using (var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 1e-3 }))
{
    double before = Loss();
    using var loss = optimizer.Step(() =>
    {
        optimizer.ZeroGrad();
        var loss = nn.functional.mse_loss(model.forward(input), target);
        loss.backward();
        return loss;
    });
    Demand(loss.item<float>() == (float)before && Loss() < before, "a step with a closure lowers the loss and returns it");
}
Demand(Directory.GetFiles(folder, "events.out.tfevents.*").Length == 3, "each of three trainings left its log");
Directory.Delete(folder, recursive: true);
Console.WriteLine(TorchRuntime.Diagnostics);

void Train(Optimizer optimizer)
{
    var scheduler = new CosineAnnealingLR(optimizer, tMax: 30);
    double before = Loss();
    using var log = new SummaryWriter(folder);
    for (int i = 0; i < 30; i++)
    {
        optimizer.ZeroGrad();
        using var loss = nn.functional.mse_loss(model.forward(input), target);
        loss.backward();
        optimizer.Step();
        log.AddScalar("loss", loss.item<float>(), i);
        scheduler.Step();
    }
    double after = Loss();
    Console.WriteLine($"{optimizer.GetType().FullName}: {before:F4} → {after:F4}");
    Demand(after < before, $"{optimizer.GetType().Name} lowers the loss");
}

double Loss()
{
    using var scope = NewDisposeScope();
    using var _ = no_grad();
    return nn.functional.mse_loss(model.forward(input), target).item<float>();
}

static void Demand(bool condition, string what)
{
    if (!condition)
        throw new InvalidOperationException($"Not so: {what}.");
}

sealed class Network : nn.Module<Tensor, Tensor>
{
    public readonly Linear Base = nn.Linear(2, 8);
    public readonly Linear Classifier = nn.Linear(8, 1);

    public Network() : base(nameof(Network)) => RegisterComponents();

    public override Tensor forward(Tensor x) => Classifier.forward(nn.functional.tanh(Base.forward(x)));
}
