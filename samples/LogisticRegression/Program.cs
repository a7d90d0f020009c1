// Logistic regression by L-BFGS, and by Adam to compare: which cases of breast cancer are benign? Plain .NET memory, no native library.
//
//     dotnet run --project samples/LogisticRegression [picture.png]

using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string picture = args is [var name] ? name : "logistic-regression.png";

// Each of five parts of the cases is held out once, and predicted by a model that learned from the other four.
double right = 0, rightByAdam = 0;
int count = 0;
for (int part = 0; part < Cases.Parts; part++)
{
    var (training, heldOut) = Cases.Load(part);
    Console.WriteLine($"Part {part + 1}: {training.Count} cases to learn from, {heldOut.Count} held out");
    Model model = new(), other = new();
    var byLBFGS = ByLBFGS(model, training);
    var byAdam = ByAdam(other, training);
    Console.WriteLine($"  L-BFGS: loss {byLBFGS[^1]:F8} after {byLBFGS.Count,3} evaluations, accuracy on held-out cases {model.Accuracy(heldOut):F4}");
    Console.WriteLine($"  Adam:   loss {byAdam[^1]:F8} after {byAdam.Count,3} evaluations, accuracy on held-out cases {other.Accuracy(heldOut):F4}");
    if (part == 0)
        Chart.Save(picture, byLBFGS, byAdam);
    right += model.Accuracy(heldOut) * heldOut.Count;
    rightByAdam += other.Accuracy(heldOut) * heldOut.Count;
    count += heldOut.Count;
}
Console.WriteLine($"Held-out accuracy over all {count} cases: L-BFGS {right / count:F4}, Adam {rightByAdam / count:F4}");
Console.WriteLine($"Wrote {Path.GetFullPath(picture)}");

// One step is several iterations, each of which evaluates the closure until its line search is content.
static List<double> ByLBFGS(Model model, Cases training)
{
    using var optimizer = new LBFGS(model.Parameters, new() { LineSearch = LineSearch.StrongWolfe, MaxIterations = 5, GradientTolerance = 1e-9 });
    var history = new List<double>();
    for (int step = 1; step <= 20; step++)
    {
        int before = history.Count;
        double loss = optimizer.Step(() => Evaluate(optimizer, model, training, history));
        var state = optimizer.StateOf(model.Parameters[0])!;
        Console.WriteLine($"  step {step,2}: loss {loss:F8}, {state.Scalar("n_iter"),3} iterations, {state.Scalar("func_evals"),3} evaluations");
        if (history.Count == before + 1)
            break; // it ended where it began
    }
    return history;
}

// One evaluation a step.
static List<double> ByAdam(Model model, Cases training)
{
    using var optimizer = new Adam(model.Parameters, new() { LearningRate = 0.05 });
    var history = new List<double>();
    for (int step = 0; step < 500; step++)
        optimizer.Step(() => Evaluate(optimizer, model, training, history));
    return history;
}

// Notes the lowest loss so far.
static double Evaluate(Optimizer optimizer, Model model, Cases training, List<double> history)
{
    optimizer.ZeroGrad();
    double loss = model.Backward(training);
    history.Add(history.Count == 0 ? loss : Math.Min(loss, history[^1]));
    return loss;
}
