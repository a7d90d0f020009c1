namespace OptimSharp.Tool;

/// <summary>What optimizers take for a model, by the precision of their state.</summary>
/// <param name="Rows">In the order of optimizers, then of precisions.</param>
/// <param name="LeftOut">What can't be had, in words.</param>
sealed record Plan(IReadOnlyList<PlannedRow> Rows, IReadOnlyList<string> LeftOut)
{
    /// <exception cref="ToolException">An option is wrong, or nothing is left.</exception>
    public static Plan Of(ModelShapes model, IEnumerable<PlannedOptimizer> optimizers, IEnumerable<StatePrecision> precisions)
    {
        var (rows, left) = (new List<PlannedRow>(), new List<string>());
        foreach (var optimizer in optimizers)
        {
            if (optimizer.Refusal(model) is { } refusal)
            {
                left.Add(refusal);
                continue;
            }
            var impossible = new List<string>();
            foreach (var precision in precisions)
            {
                if (optimizer.Report(model, precision) is { } report)
                    rows.Add(new(optimizer.Title, precision, report));
                else
                    impossible.Add(precision.ToString().ToLowerInvariant());
            }
            if (impossible.Count > 0)
                left.Add($"{optimizer.Title} can't keep its state in {string.Join(", ", impossible)}.");
        }
        return rows.Count > 0 ? new(rows, left) : throw new ToolException(string.Join(" ", left));
    }
}

/// <param name="Optimizer">What it is called.</param>
/// <param name="Precision">How state is kept.</param>
/// <param name="Report">What it takes.</param>
sealed record PlannedRow(string Optimizer, StatePrecision Precision, MemoryReport Report)
{
    /// <summary>Parameters and state are read and written, gradients are read: once each, which is all that an elementwise optimizer does.</summary>
    public long Moved => 2 * Report.ParameterBytes + Report.GradientBytes + 2 * Report.StateBytes;
}
