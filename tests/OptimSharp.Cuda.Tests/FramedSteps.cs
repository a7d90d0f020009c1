using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>A rule with what a training step does around it, as one kernel; on the host one after the other, through memory.</summary>
static class FramedSteps
{
    static readonly (GradientChange Change, GradientsAfter After, AverageStep? Average)[] Frames =
    [
        (GradientChange.None, GradientsAfter.Zeroed, null),
        (GradientChange.None, GradientsAfter.Kept, AverageStep.Copy),
        (new() { Mean = 0.5 }, GradientsAfter.Kept, null), // and a factor of 1, as where it might have been clipped
        (new() { Clip = 0.37 }, GradientsAfter.Kept, null),
        (new() { Limit = 0.3 }, GradientsAfter.Dropped, AverageStep.Equal(3)),
        (new() { Unscale = 1.0 / 3, Mean = 1.0 / 7 }, GradientsAfter.Dropped, null),
        (new() { Unscale = 1.0 / 1024, Mean = 0.2, Clip = 0.9, Limit = 1e-3 }, GradientsAfter.Kept, AverageStep.Decay(0.99, 2)),
        (new() { Mean = 1.0 / 3, Clip = 0.7 }, GradientsAfter.Zeroed, AverageStep.Decay(0.3, 2)),
    ];

    /// <summary>Steps of each frame, with numbers that are stored in all ways: by a rule that has a step at the end, and by one that has not.</summary>
    public static IEnumerable<RecordedStep> All(IEnumerable<KernelTypes> stored) =>
        from types in stored
        from frame in Frames
        from step in types.Compute == ElementType.Float64 ? Of<double>(types, frame) : Of<float>(types, frame)
        select step;

    static RecordedStep[] Of<T>(KernelTypes types, (GradientChange Change, GradientsAfter After, AverageStep? Average) frame) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
    [
        Of<AdamRule<T, On>, T>(new(new(), new(types.State(0)), 0.3, 0.1), types, frame),
        Of<Rounded<T>, T>(default, types, frame),
    ];

    static FramedStep<TRule, T> Of<TRule, T>(in TRule rule, KernelTypes types, (GradientChange Change, GradientsAfter After, AverageStep? Average) frame)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var around = new RuleFrame<T>(frame.Change, frame.Change.Mean != 1, frame.After, frame.Average);
        if (frame.Average is null)
            return Made(RecordedRule<Framed<TRule, T, Off>, T>.Fetch(new(rule, around), out var coefficients), coefficients, rule);
        types = types.With(TRule.Slots, types.Param); // averages are stored as parameters are
        return Made(RecordedRule<Framed<TRule, T, On>, T>.Fetch(new(rule, around), out var more), more, rule);

        FramedStep<TRule, T> Made(Recording recording, ReadOnlySpan<T> coefficients, TRule rule) =>
            new(rule, [.. coefficients], frame.Change, frame.After, frame.Average) { From = $"{typeof(TRule).Name}, {frame}", Recording = recording, Types = types };
    }

    /// <summary>No states, and the parameter set without a step.</summary>
    readonly struct Rounded<T> : IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = x.Param * x.Grad - L.Of(T.CreateChecked(0.1));
    }
}

sealed unsafe class FramedStep<TRule, T>(TRule rule, T[] coefficients, GradientChange change, GradientsAfter after, AverageStep? average) : RecordedStep
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public override RecordedStep With(Recording recording) => new FramedStep<TRule, T>(rule, coefficients, change, after, average) { From = From, Recording = recording, Types = Types };

    public override ReadOnlySpan<byte> Coefficients => MemoryMarshal.AsBytes<T>(coefficients);

    public override void RunOnHost(in Streams at, int count)
    {
        long bytes = (long)count * Types.Grad.Size();
        byte* changed = (byte*)NativeMemory.Alloc((nuint)bytes);
        Buffer.MemoryCopy(at.Grad, changed, bytes, bytes);
        change.Apply(changed, changed, Types.Grad, count);
        var work = new Work { ParamType = Types.Param, GradType = Types.Grad, StateType = Types.State(0), S0 = at.S0, S1 = at.S1, S2 = at.S2, S3 = at.S3, S4 = at.S4, S5 = at.S5 };
        HostKernel<TRule, T>.Range(rule, work, at.Param, changed, 0, 0, count, wide: false);
        if (average is { } step)
        {
            byte*[] states = [at.S0, at.S1, at.S2, at.S3, at.S4, at.S5];
            var averaging = new Work { ParamType = Types.State(TRule.Slots), GradType = Types.Param };
            HostKernel<AverageRule<T>, T>.Range(new(step), averaging, states[TRule.Slots], at.Param, 0, 0, count, wide: false);
        }
        if (after == GradientsAfter.Kept)
            Buffer.MemoryCopy(changed, at.Grad, bytes, bytes);
        else if (after == GradientsAfter.Zeroed)
            NativeMemory.Clear(at.Grad, (nuint)bytes);
        NativeMemory.Free(changed);
    }
}
