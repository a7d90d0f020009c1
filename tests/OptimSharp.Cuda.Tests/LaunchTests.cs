using CsCheck;
using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Kernels that are launched on a device have the bits of the rule on the host, with numbers that show the smallest difference.</summary>
public class LaunchTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_rule_with_all_options_and_types_has_the_hosts_bits() =>
        output.WriteLine(StepComparison.OfAll(RecordedSteps.All, new LaunchedDevice(FakeDriver.Create().Device).Run, some: 31, more: FakeDriver.IsReal ? 1 << 16 : 1024));

    [Fact]
    public void Rules_that_are_drawn_have_the_hosts_bits()
    {
        var device = new LaunchedDevice(FakeDriver.Create().Device);
        DrawnFormula.Any.Sample(formula => StepComparison.OfAll([.. DrawnFormula.StepsOf(formula)], device.Run, more: FakeDriver.IsReal ? 1 << 14 : 300), seed: DrawnFormula.SeedOf("000f6xctbMYc"), iter: FakeDriver.IsReal ? 300 : 60, threads: 1);
    }

    [Fact]
    public void An_operation_that_is_another_one_shows()
    {
        var device = new LaunchedDevice(FakeDriver.Create().Device);
        Assert.All(RecordedSteps.Some.SelectMany(Mutants.Of), mutant => Assert.NotNull(StepComparison.Difference(mutant, device.Run, 4096, 0)));
    }

    /// <summary>Does steps by launches of their own.</summary>
    sealed unsafe class LaunchedDevice(CudaDevice device)
    {
        int runs;

        public void Run(RecordedStep step, in Streams at, int count)
        {
            nint[] streams = [(nint)at.Param, (nint)at.Grad, (nint)at.S0, (nint)at.S1, (nint)at.S2, (nint)at.S3, (nint)at.S4, (nint)at.S5];
            int states = step.Recording.States.Length;
            ElementType[] types = [step.Types.Param, step.Types.Grad, .. Enumerable.Range(0, states).Select(step.Types.State)];
            var memory = new List<CudaMemory>();
            using var scope = device.Enter();
            using var launch = new StepLaunch(device, step.Recording, step.Types);
            using var rows = new RowBuffer(device);
            try
            {
                var places = new Places { Count = count };
                int odd = runs++ % 2; // where several elements can't be taken at once
                for (int k = 0; k < types.Length; k++)
                {
                    long bytes = count * types[k].Size();
                    memory.Add(device.Allocate(bytes + 8));
                    nint address = memory[k].Address + odd * types[k].Size();
                    CudaMemory.Copy(device, address, (void*)streams[k], bytes);
                    if (k == 0)
                        places.Param = address;
                    else if (k == 1)
                        places.Grad = address;
                    else
                        places.States[k - 2] = address;
                }
                launch.Table.Add(places, step.Coefficients);
                launch.Run(rows.Send([launch]));
                for (int k = 0; k < types.Length; k++)
                    CudaMemory.Copy(device, (void*)streams[k], memory[k].Address + odd * types[k].Size(), count * types[k].Size());
            }
            finally
            {
                memory.ForEach(m => m.Dispose());
            }
        }
    }
}
