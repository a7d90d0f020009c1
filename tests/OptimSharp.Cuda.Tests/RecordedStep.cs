using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>A rule as it was in a step: recorded, and as the host runs it.</summary>
abstract unsafe class RecordedStep
{
    /// <summary>Whose it is, for messages.</summary>
    public required string From { get; init; }

    public required Recording Recording { get; init; }

    public required KernelTypes Types { get; init; }

    /// <summary>The step's row of coefficients, in the type computed in.</summary>
    public abstract ReadOnlySpan<byte> Coefficients { get; }

    /// <summary>What it is done by: steps of one kernel differ in their coefficients only.</summary>
    public (Recording, KernelTypes) Kernel => (Recording, Types);

    /// <summary>A function's name for the kernel.</summary>
    public string Name => $"step_{Recording.Key}_{Types}";

    /// <summary>Does the step by the host's scalar lane. What is stored as something else goes through the host's conversions.</summary>
    public abstract void RunOnHost(in Streams at, int count);

    /// <summary>The same step, but recorded as something else.</summary>
    public abstract RecordedStep With(Recording recording);

    public static RecordedStep Of<TRule, T>(string from, in TRule rule, KernelTypes types)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var recording = RecordedRule<TRule, T>.Fetch(rule, out var coefficients);
        return new RecordedStep<TRule, T>(rule, [.. coefficients]) { From = $"{from}, {typeof(TRule).Name}", Recording = recording, Types = types };
    }
}

sealed unsafe class RecordedStep<TRule, T>(TRule rule, T[] coefficients) : RecordedStep
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public override RecordedStep With(Recording recording) => new RecordedStep<TRule, T>(rule, coefficients) { From = From, Recording = recording, Types = Types };

    public override ReadOnlySpan<byte> Coefficients => MemoryMarshal.AsBytes<T>(coefficients);

    public override void RunOnHost(in Streams at, int count)
    {
        var work = new Work
        {
            ParamType = Types.Param, GradType = Types.Grad, StateType = Types.State(0),
            S0 = at.S0, S1 = at.S1, S2 = at.S2, S3 = at.S3, S4 = at.S4, S5 = at.S5,
        };
        HostKernel<TRule, T>.Range(rule, work, at.Param, at.Grad, 0, 0, count, wide: false);
    }
}
