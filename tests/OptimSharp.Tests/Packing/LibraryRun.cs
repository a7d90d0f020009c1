using OptimSharp.Conformance;

namespace OptimSharp.Tests.Packing;

/// <summary>Runs that torchao and bitsandbytes began, or go on with (tests/fixtures, tools/roundtrip/with_small_state.py).</summary>
static class LibraryRun
{
    static readonly Dictionary<string, long[]> shapes = new() { ["matrix"] = [64, 64], ["small"] = [10], ["half"] = [4096] };

    /// <summary>Where all begin, and the gradients of each step.</summary>
    public static StateDict Start => Load("torchao", "run");

    public static StateDict Load(string library, string name) => Checkpoint.Load(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", library, $"{name}.torch"));

    public static Parameter[] Parameters(StateDict values) => [.. shapes.Where(x => values.ContainsKey(x.Key)).Select(x => values[x.Key] is TensorData { ElementType: ElementType.BFloat16 } half
        ? (Parameter)Parameter.Of(x.Key, half.ToArray<BFloat16>(), x.Value) : Parameter.Of(x.Key, ((TensorData)values[x.Key]!).ToArray<float>(), x.Value))];

    public static void Step(Optimizer optimizer, StateDict gradients)
    {
        foreach (var parameter in optimizer.ParameterGroups[0].Parameters)
        {
            if (parameter is Parameter<float> single)
                single.Gradient = ((TensorData)gradients[parameter.Name]!).ToArray<float>();
            else
                ((Parameter<BFloat16>)parameter).Gradient = ((TensorData)gradients[parameter.Name]!).ToArray<BFloat16>();
        }
        optimizer.Step();
    }

    /// <summary>Parameters are the library's, but for rounding, and for codes where it decides.</summary>
    public static void Compare(StateDict expected, Optimizer optimizer)
    {
        foreach (var parameter in optimizer.ParameterGroups[0].Parameters)
        {
            double[] theirs = ((TensorData)expected[parameter.Name]!).ToDoubles(), ours = Tensor(parameter).ToDoubles();
            bool isHalf = parameter.ElementType == ElementType.BFloat16;
            double[] differences = [.. theirs.Zip(ours, (x, y) => Math.Abs(x - y) - (isHalf ? Math.Abs(x) / 128 : 0))];
            Assert.InRange(differences.Count(d => d > 2e-6), 0, differences.Length / 50);
            Assert.All(differences, d => Assert.InRange(d, double.NegativeInfinity, 0.02)); // two steps at the rate
        }
    }

    /// <summary>Lets the library take the last two steps of a run of ours; skips where there is none.</summary>
    /// <returns>The state that it leaves.</returns>
    public static async Task<StateDict> GoOn(string library, string kind, Optimizer optimizer, Func<StateDict, StateDict> layout)
    {
        string folder = Directory.CreateTempSubdirectory("optimsharp-library").FullName;
        try
        {
            string command = await PythonWithTorch.FindAsync() ?? "";
            File.Copy(Path.Combine(GoldenFiles.RepositoryRoot(), "tools", "roundtrip", "with_small_state.py"), Path.Combine(folder, "with_small_state.py"));
            Assert.SkipUnless(await Has(library, command, folder), $"There is no python3 with {library}.");
            StateDict[] gradients = Start.GetDicts("gradients");
            foreach (var gradient in gradients[..3])
                Step(optimizer, gradient);
            var values = new StateDict();
            foreach (var parameter in optimizer.ParameterGroups[0].Parameters)
                values[parameter.Name] = Tensor(parameter);
            Checkpoint.Save(Path.Combine(folder, "ours.pt"), new StateDict { { "parameters", values }, { "gradients", gradients[3..] }, { "optimizer", layout(optimizer.StateDict()) } }, new() { AllowObjects = true });
            await PythonWithTorch.RunAsync(command, folder, "with_small_state.py", library, kind, "ours.pt");
            var theirs = Checkpoint.Load(Path.Combine(folder, $"{kind}.pt"));
            foreach (var (i, gradient) in gradients[3..].Index())
            {
                Step(optimizer, gradient);
                Compare(theirs.GetDicts("parameters")[i], optimizer);
            }
            return theirs.GetDict("optimizer");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static TensorData Tensor(Parameter parameter) => parameter is Parameter<float> single ? TensorData.Of<float>(single.Values.Span, single.Shape) : TensorData.Of<BFloat16>(((Parameter<BFloat16>)parameter).Values.Span, parameter.Shape);

    static async Task<bool> Has(string library, string command, string folder)
    {
        try
        {
            await PythonWithTorch.RunAsync(command, folder, "-c", $"import {library}.optim");
            return true;
        }
        catch (Exception e) when (e is GoldenCaseException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
