using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

// Rules over whole tensors, and the lists of matrices that they may have.
internal sealed partial class StepContext
{
    /// <summary>A list of matrices, made when it is not there.</summary>
    internal void StateList(ref Entry entry, StateEntry declared, ReadOnlySpan<MatrixSize> sizes)
    {
        if (entry.Parameter is ParameterPart { IsElsewhere: true })
            return;
        var state = entry.State!;
        if (FindList(ref entry, declared) is { } present)
        {
            bool same = present.Count == sizes.Length;
            for (int i = 0; same && i < sizes.Length; i++)
                same = present[i].Shape is [var rows, var columns] && sizes[i] == new MatrixSize(rows, columns);
            if (!same)
                throw new InvalidOperationException($"State '{declared}' of parameter {entry.Parameter} has matrices of {Text(present.Select(t => new MatrixSize(t.Shape[0], t.Shape[1])))}, but with the present options it has {Text(sizes.ToArray())}: it was made with others.");
            return;
        }
        CheckDeclared(ref entry, declared);
        var list = new List<StateTensor>(sizes.Length);
        foreach (var (rows, columns) in sizes)
            list.Add(isMeta ? new MetaTensor([rows, columns], entry.Type.Compute()) : entry.Parameter.Backend.CreateMatrix(entry.Parameter, [rows, columns], entry.Type.Compute()));
        state.AddMatrices(declared.Key, list);
        made.Add((state, declared.Key));

        static string Text(IEnumerable<MatrixSize> sizes) => $"[{string.Join(", ", sizes.Select(s => $"{s.Rows} × {s.Columns}"))}]";
    }

    static List<StateTensor>? FindList(ref Entry entry, StateEntry declared)
    {
        ArgumentNullException.ThrowIfNull(declared);
        return declared.Kind == StateKind.Matrices ? entry.State!.FindList(declared.Key)
            : throw new InvalidOperationException($"State '{declared}' is used as a list of matrices, but it was declared as {declared.Kind}: it would not be saved.");
    }

    internal void PlanTensor<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (ranks is not null && IsForOthers(ref entry, needsWhole: true))
            return;
        Give(ref entry);
        if (!isMeta)
            entry.Parameter.Locate(); // throws when its shape, which counts here, is another one now
        RuleStates all = new() { Kept = entry.Kept };
        List<StateTensor>? l0 = null, l1 = null;
        int tensors = 0, lists = 0;
        foreach (var state in states)
        {
            if (state?.Kind == StateKind.Matrices)
            {
                var list = FindList(ref entry, state) ?? throw new InvalidOperationException($"The list of matrices '{state}' of parameter {entry.Parameter} was not started.");
                if (lists++ == 0)
                    l0 = list;
                else
                    l1 = list;
                continue;
            }
            var tensor = State(ref entry, state!);
            switch (tensors++)
            {
                case 0: all.S0 = tensor; break;
                case 1: all.S1 = tensor; break;
                case 2: all.S2 = tensor; break;
                case 3: all.S3 = tensor; break;
                case 4: all.S4 = tensor; break;
                default: all.S5 = tensor; break;
            }
        }
        if (tensors > 6 || lists > 2)
            throw new InvalidOperationException($"{typeof(TRule).Name} was given {tensors} state tensors{(lists > 0 ? $" and {lists} lists of matrices" : "")}; a rule can have 0 to 6{(lists > 0 ? " and 0 to 2" : "")}.");
        tensorPlan.Add<TRule, T>(rule, new(entry.Parameter, entry.Memory, entry.GradType, entry.Rows, null, all), l0, l1);
    }
}
