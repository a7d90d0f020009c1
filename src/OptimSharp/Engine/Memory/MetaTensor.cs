using System.Diagnostics;

namespace OptimSharp.Engine;

/// <summary>A tensor of a state that is planned: it has sizes, and no numbers.</summary>
internal sealed class MetaTensor(ReadOnlySpan<long> shape, ElementType type, BlockFormat format = BlockFormat.None) : StateTensor(shape, format == BlockFormat.None ? type : ElementType.UInt8)
{
    public override BlockFormat Format { get; } = format;

    public override long Bytes => Format == BlockFormat.None ? base.Bytes : Format.Bytes(Count);

    public override void Fill(double value)
    {
    }

    public override void CopyTo(Span<double> destination) => throw new UnreachableException();

    public override void CopyFrom(ReadOnlySpan<double> source) => throw new UnreachableException();

    public override void Dispose()
    {
    }
}

/// <summary>What takes the place of memory for parameters that have none: rules are planned, and never run.</summary>
internal sealed class MetaBackend : Backend
{
    public static MetaBackend Instance { get; } = new();

    public override bool KeepsStateOnHost => true; // as it were

    public override StateTensor CreateState(Parameter like, ReadOnlySpan<long> shape, ElementType type, BlockFormat format) => new MetaTensor(shape, type, format);

    public override void Plan<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
    }

    public override void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
    }

    public override void PlanByRow<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target)
    {
    }
}
