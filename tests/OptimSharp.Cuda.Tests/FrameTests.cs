using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>What a training step does around rules is done with them, in one launch.</summary>
public class FrameTests
{
    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void A_training_step_is_one_launch_besides_its_norm(ElementType type)
    {
        var (device, fake) = FakeDriver.Create();
        Assert.SkipWhen(FakeDriver.IsReal, "Launches are counted by the driver of the tests.");
        using var training = new Training(device, type);
        foreach (var (options, launches) in new (TrainingStepOptions, int)[]
        {
            (new() { SkipNotFinite = false, GradientsAfter = GradientsAfter.Kept }, 1),
            (new() { SkipNotFinite = false, GradientsAfter = GradientsAfter.Zeroed, MaxValue = 0.1 }, 1),
            (new() { SkipNotFinite = false, GradientsAfter = GradientsAfter.Zeroed, MaxValue = 0.1, Averages = training.Averages }, 1),
            (new() { GradientsAfter = GradientsAfter.Zeroed, MaxNorm = 0.1, Averages = training.Averages }, 3), // the norm is two
        })
        {
            training.Step(options); // the first one allocates
            int before = fake.Calls("Launch"), cleared = fake.Calls("Set");
            training.Step(options);
            Assert.Equal(launches, fake.Calls("Launch") - before);
            Assert.Equal(0, fake.Calls("Set") - cleared); // zeros are written by the rule's kernel
        }
        Assert.Null(fake.Failure);
    }

    /// <summary>Parameters with optimizer and averages, both of which have state.</summary>
    sealed class Training : IDisposable
    {
        readonly List<CudaMemory> memory = [];
        readonly CudaParameter[] parameters;
        readonly nint[] gradients;
        readonly TrainingStep step;

        public Training(CudaDevice device, ElementType type)
        {
            parameters = [.. new long[] { 5, 1000, 64 }.Select(count => Parameter.OnCuda($"p{count}", Allocate(count), type, device, count))];
            gradients = [.. parameters.Select(p => Allocate(p.Count))];
            Averages = new(parameters, Averaging.Ema(0.9));
            step = new(new AdamW(parameters));
            Step(new() { Averages = Averages });
            Step(new() { Averages = Averages }); // the first is a copy

            nint Allocate(long count)
            {
                memory.Add(device.Allocate(count * type.Size()));
                return memory[^1].Address;
            }
        }

        public AveragedParameters Averages { get; }

        public void Step(TrainingStepOptions options)
        {
            for (int i = 0; i < parameters.Length; i++)
                parameters[i].Gradient = gradients[i];
            step.Options = options;
            Assert.Equal(StepOutcome.Updated, step.Step().Outcome);
        }

        public void Dispose()
        {
            step.Optimizer.Dispose();
            Averages.Dispose();
            memory.ForEach(m => m.Dispose());
        }
    }
}
