using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Recordings with one operation that is another one: what compares bits has to find each of them.</summary>
static class Mutants
{
    /// <summary>All of a step's.</summary>
    public static IEnumerable<RecordedStep> Of(RecordedStep step)
    {
        var recording = step.Recording;
        for (int i = 0; i < recording.Instructions.Length; i++)
        {
            if (Other(recording.Instructions[i]) is not { } other)
                continue;
            Instruction[] instructions = [.. recording.Instructions];
            instructions[i] = other;
            yield return step.With(new(instructions, recording.Param, [.. recording.States], recording.Coefficients, recording.Fingerprint + (ulong)i + 1, null, recording.Grad));
        }
    }

    static Instruction? Other(Instruction x) => x.Operation switch
    {
        Operation.Add => x with { Operation = Operation.Subtract },
        Operation.Subtract => x with { Operation = Operation.Add },
        Operation.Multiply => x with { Operation = Operation.Add }, // a division by 1 would be the same
        Operation.Divide => x with { Operation = Operation.Multiply },
        Operation.Max => x with { Operation = Operation.Min },
        Operation.Min => x with { Operation = Operation.Max },
        Operation.Negate => x with { Operation = Operation.Abs },
        Operation.Abs or Operation.Sqrt or Operation.AsParam or Operation.AsGrad => x with { Operation = Operation.Negate },
        Operation.IfGreater => x with { C = x.D, D = x.C },
        Operation.Literal => x with { A = x.A == 0 ? 1 : -x.A },
        _ => null,
    };
}
