using System.Diagnostics;

namespace OptimSharp.Engine;

/// <summary>
/// What one rank steps of a parameter that all ranks have: a stretch of its numbers, all of them, or none. In an optimizer's groups it stands in the
/// parameter's place, with its name, shape and type; state is made for the stretch only.
/// </summary>
/// <remarks>Stretches begin and end where chunks of a gradient do, so that what is summed over chunks has the bits that one process gets.</remarks>
internal sealed unsafe class ParameterPart : Parameter
{
    readonly byte* gradient; // of the stretch, in the parameter's type; whose it is frees it
    readonly long[] held;
    bool hasGradient;

    /// <param name="whole">The parameter, in host memory.</param>
    /// <param name="ranks">Those that have the other parts.</param>
    /// <param name="first">The first number of the stretch.</param>
    /// <param name="numbers">How many numbers are in it.</param>
    /// <param name="chunk">The number of the parameter's first chunk among those of all parameters.</param>
    /// <param name="isWhole">Whether one rank has the parameter whole, and the others have nothing of it: for rules over whole tensors.</param>
    /// <param name="gradient">Room for the stretch's gradient.</param>
    public ParameterPart(Parameter whole, IRanks ranks, long first, long numbers, nint chunk, bool isWhole, byte* gradient)
        : base(whole.Name, whole.Shape, whole.ElementType, numbers)
    {
        (Whole, Ranks, First, WholeChunk, IsWhole) = (whole, ranks, first, chunk, isWhole);
        this.gradient = gradient;
        held = isWhole && numbers > 0 || whole.Numbers == 0 ? whole.Shape.ToArray() : [numbers / whole.ElementType.Parts()];
    }

    /// <summary>The parameter.</summary>
    public Parameter Whole { get; }

    /// <summary>Those that have the other parts.</summary>
    public IRanks Ranks { get; }

    /// <summary>The first number of the stretch.</summary>
    public long First { get; }

    /// <summary>The number of the whole parameter's first chunk among those of all parameters.</summary>
    public nint WholeChunk { get; }

    /// <summary>How many chunks the whole parameter has.</summary>
    public nint WholeChunks => ChunksOf(Whole.Numbers);

    /// <summary>The number of the stretch's first chunk among those of all parameters.</summary>
    public nint FirstChunk => WholeChunk + (nint)(First / GradientChunk.Size);

    /// <summary>Whether one rank has the parameter whole.</summary>
    public bool IsWhole { get; }

    /// <summary>Whether another rank has the parameter whole: rules are not for this one.</summary>
    public bool IsElsewhere => IsWhole && Numbers < Whole.Numbers;

    /// <inheritdoc/>
    public override bool HasGradient => hasGradient;

    /// <summary>Whether the gradient's memory has one.</summary>
    public void SetGradient(bool isThere) => hasGradient = isThere;

    internal override ReadOnlySpan<long> HeldShape => held;

    internal override Backend Backend => HostBackend.Instance;

    internal override bool IsUsable => Whole.IsUsable;

    /// <summary>How many chunks so many numbers are cut into.</summary>
    public static nint ChunksOf(long numbers) => (nint)((numbers + GradientChunk.Size - 1) / GradientChunk.Size);

    /// <summary>After parameters were changed: gives all ranks what each has. Of parameters that are no parts nothing is to be given.</summary>
    public static void Spread(ReadOnlySpan<Parameter> changed)
    {
        foreach (var parameter in changed)
        {
            if (parameter is ParameterPart part)
            {
                part.Ranks.GatherParameters();
                return;
            }
        }
    }

    internal override bool BeginStep(GradientUse use, out HostMemory memory)
    {
        memory = hasGradient ? new(Locate(), new(gradient)) : default;
        return hasGradient;
    }

    internal override Address Locate() => Whole.Locate().Plus((nint)First * ElementType.Real().Size());

    internal override void Read<T>(T* to, bool ofGradient)
    {
        if (ofGradient && !hasGradient)
        {
            new Span<T>(to, checked((int)Numbers)).Clear();
            return;
        }
        fixed (byte* from = &(ofGradient ? new Address(gradient) : Locate()).Start)
            Storage.Load(from, ElementType.Real(), to, (nint)Numbers);
        GC.KeepAlive(Whole);
    }

    internal override void Write<T>(T* from)
    {
        fixed (byte* to = &Locate().Start)
            Storage.Save(from, to, ElementType.Real(), (nint)Numbers);
        GC.KeepAlive(Whole);
    }

    internal override void TakeGradient(byte* from) => throw new UnreachableException();

    internal override void ZeroGrad(bool setToNull)
    {
        if (setToNull)
            hasGradient = false;
        else if (hasGradient)
            System.Runtime.InteropServices.NativeMemory.Clear(gradient, (nuint)(Numbers * ElementType.Real().Size()));
    }
}

/// <summary>Ranks of which each steps a part of the parameters. What they are asked for, all of them ask for, in the same order.</summary>
internal interface IRanks
{
    /// <summary>Room for some numbers of each chunk of all parameters, chunk by chunk; it stays the same from call to call.</summary>
    /// <param name="width">How many numbers a chunk has.</param>
    Span<double> Table(int width);

    /// <summary>Fills the table: each rank has written what belongs to its own chunks.</summary>
    /// <param name="width">How many numbers a chunk has.</param>
    void GatherTable(int width);

    /// <summary>Gives every rank the parameters as each has changed its part of them.</summary>
    void GatherParameters();
}
