using System.Globalization;
using System.Text;

namespace OptimSharp;

/// <summary>Audits as text.</summary>
internal static class AuditText
{
    public static string Table(OptimizerAudit audit)
    {
        string[] keys = Keys(audit);
        var sources = new List<string>();
        var lines = new List<string[]> { (string[])["parameter", "shape", "count", "algorithm", "group", .. keys] };
        foreach (var row in audit.Rows)
        {
            string group = row.FrozenBy is { } rule ? $"frozen {Number(rule)}" : row.GroupText;
            lines.Add([ShownText.InLine(row.Name), row.ShapeText, Grouped(row.Count), row.Algorithm, group, .. keys.Select(key => row.Options.FirstOrDefault(o => o.Key == key) is { } option ? $"{option.ShortText} {Number(option.Source)}" : "")]);
        }
        var text = new StringBuilder();
        TextTable.Align(text, lines, right: [2]);
        if (sources.Count > 0)
            text.Append('\n');
        foreach (var (i, source) in sources.Index())
            text.Append(CultureInfo.InvariantCulture, $"[{i + 1}] {ShownText.InLine(source)}\n");
        text.Append('\n');
        TextTable.Align(text, [["group", "algorithm", "parameters", "count"], .. audit.Totals.Select(t => Line(t.Group?.ToString(CultureInfo.InvariantCulture) ?? "frozen", t)), Line("all", audit.Total)], right: [2, 3]);
        foreach (string warning in audit.Warnings)
            text.Append(CultureInfo.InvariantCulture, $"\nwarning: {warning}");
        return text.ToString().TrimEnd('\n');

        string Number(string source)
        {
            if (!sources.Contains(source))
                sources.Add(source);
            return string.Create(CultureInfo.InvariantCulture, $"[{sources.IndexOf(source) + 1}]");
        }

        static string[] Line(string group, AuditTotal total) => [group, total.Algorithm, Grouped(total.Parameters), Grouped(total.Count)];

        static string Grouped(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
    }

    public static string Csv(OptimizerAudit audit)
    {
        string[] keys = Keys(audit);
        var text = new StringBuilder();
        Write(["name", "shape", "count", "algorithm", "group", "frozen by", .. keys.SelectMany(key => (string[])[key, $"{key} by"])]);
        foreach (var row in audit.Rows)
        {
            Write([row.Name, row.ShapeText, row.Count.ToString(CultureInfo.InvariantCulture), row.Algorithm, row.GroupText, row.FrozenBy ?? "",
                .. keys.SelectMany(key => row.Options.FirstOrDefault(o => o.Key == key) is { } option ? (string[])[option.Text, option.Source] : ["", ""])]);
        }
        return text.ToString();

        void Write(IEnumerable<string> cells) => text.AppendJoin(',', cells.Select(Quoted)).Append("\r\n");

        static string Quoted(string cell) => cell.AsSpan().ContainsAny(",\"\r\n") ? $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : cell;
    }

    public static string Difference(OptimizerAudit earlier, OptimizerAudit later)
    {
        var (before, after) = (ByName(earlier), ByName(later));
        var lines = new List<string>();
        foreach (var (key, row) in before)
        {
            if (!after.TryGetValue(key, out var now))
                lines.Add($"- {row}");
            else if (Changes(row, now).ToArray() is { Length: > 0 } changes)
                lines.Add($"~ '{ShownText.InLine(row.Name)}': {string.Join("; ", changes)}");
        }
        lines.AddRange(after.Where(x => !before.ContainsKey(x.Key)).Select(x => $"+ {x.Value}"));
        return string.Join('\n', lines);
    }

    static IEnumerable<string> Changes(AuditRow before, AuditRow after)
    {
        if (before.ShapeText != after.ShapeText)
            yield return $"{before.ShapeText} → {after.ShapeText}";
        if (before.Placed != after.Placed)
            yield return $"{before.Placed} → {after.Placed}";
        foreach (string key in before.Options.Concat(after.Options).Select(o => o.Key).Distinct())
        {
            string from = Text(before, key), to = Text(after, key);
            if (from != to)
                yield return $"{key} {from} → {to}";
        }

        static string Text(AuditRow row, string key) => row.Options.FirstOrDefault(o => o.Key == key) is { } option ? $"{option.Text} ({option.Source})" : row.FrozenBy is null ? "default" : "none";
    }

    /// <summary>Rows by name; of several with one name, by their order, too.</summary>
    static OrderedDictionary<(string Name, int Order), AuditRow> ByName(OptimizerAudit audit)
    {
        var rows = new OrderedDictionary<(string, int), AuditRow>();
        var seen = new Dictionary<string, int>();
        foreach (var row in audit.Rows)
        {
            int order = seen[row.Name] = seen.GetValueOrDefault(row.Name) + 1;
            rows.Add((row.Name, order), row);
        }
        return rows;
    }

    static string[] Keys(OptimizerAudit audit) => [.. audit.Rows.SelectMany(row => row.Options).Select(option => option.Key).Distinct().Order(StringComparer.Ordinal)];
}
