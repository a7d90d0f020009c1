namespace OptimSharp;

/// <summary>
/// What each parameter of an optimizer has: group, algorithm, options and which rule gave them, sums over groups, and what is probably not meant. Made by <see cref="Optimizer.Audit()"/>.
/// </summary>
public sealed class OptimizerAudit
{
    internal OptimizerAudit(IReadOnlyList<AuditRow> rows, IReadOnlyList<string> warnings)
    {
        Rows = rows;
        Warnings = warnings;
        Totals = [.. rows.GroupBy(row => row.Group).Select(g => Sum(g.Key, g.Key is null ? "" : g.First().Algorithm, g))];
        Total = Sum(null, "", rows);
    }

    /// <summary>A row for each parameter: group by group, then those that are frozen.</summary>
    public IReadOnlyList<AuditRow> Rows { get; }

    /// <summary>The sum over each group that has parameters; last, over those that are frozen, if there are any.</summary>
    public IReadOnlyList<AuditTotal> Totals { get; }

    /// <summary>The sum over all.</summary>
    public AuditTotal Total { get; }

    /// <summary>What is probably not meant, in sentences.</summary>
    /// <remarks>
    /// Parameters of fewer than two dimensions that have a weight decay; matrices in <see cref="Muon"/> or <see cref="NorMuon"/> of which a segment of the name begins with "embed", "head" or "lm_head"; frozen parameters
    /// that have a gradient; and parameters that had a gradient in fewer than half of their group's steps, as far as states tell: <see cref="ParameterState.Step"/>, or that there is none while others of the group have one.
    /// </remarks>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>
    /// A table in text: a row for each parameter, with a column for each option in which one differs from the algorithm's defaults. The numbers in brackets stand for where a value comes from, as told below the table. Then sums and
    /// warnings. Values have six digits.
    /// </summary>
    public override string ToString() => AuditText.Table(this);

    /// <summary>
    /// The rows as comma-separated values (RFC 4180): name, shape, count, algorithm, group ("frozen" for those in none), the rule that freezes it, and two columns for each option, its value and where that comes from; empty where it is the
    /// algorithm's default. Values are exact, and the same in every culture.
    /// </summary>
    public string ToCsv() => AuditText.Csv(this);

    /// <summary>What is other in a later audit, a line for each row: "+" it is new, "-" it is gone, "~" what changed. Parameters are told by their names. Empty when nothing is.</summary>
    /// <param name="later">The later audit.</param>
    public string Diff(OptimizerAudit later)
    {
        ArgumentNullException.ThrowIfNull(later);
        return AuditText.Difference(this, later);
    }

    static AuditTotal Sum(int? group, string algorithm, IEnumerable<AuditRow> rows) => new(group, algorithm, rows.Count(), rows.Sum(row => row.Count));
}
