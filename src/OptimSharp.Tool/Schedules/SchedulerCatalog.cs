using System.Reflection;
using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>What can be called in the expression of a schedule: each public scheduler by its class, and the ways of <see cref="Warmup"/>.</summary>
static class SchedulerCatalog
{
    static readonly string[] left = ["optimizer", "lastEpoch"];

    /// <summary>By name, the constructors or methods.</summary>
    public static IReadOnlyDictionary<string, MethodBase[]> All { get; } = new SortedDictionary<string, MethodBase[]>(
        typeof(LRScheduler).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(LRScheduler)) && !type.IsAbstract)
            .Select(type => (type.Name, Ways: (MethodBase[])type.GetConstructors()))
            .Concat(typeof(Warmup).GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly).Select(method => ($"{nameof(Warmup)}.{method.Name}", (MethodBase[])[method])))
            .ToDictionary(), StringComparer.Ordinal);

    /// <summary>What an expression gives: all but the optimizer, which there is one of.</summary>
    public static ParameterInfo[] ArgumentsOf(MethodBase way) => [.. way.GetParameters().Where(parameter => !left.Contains(parameter.Name))];

    /// <summary>PyTorch's name of an argument: <c>total_iters</c> of <c>totalIters</c>, <c>T_max</c> of <c>tMax</c>.</summary>
    public static string PythonName(string name) => name.Length > 1 && name[0] == 't' && (char.IsAsciiLetterUpper(name[1]) || char.IsAsciiDigit(name[1]))
        ? $"T_{name[1..].ToLowerInvariant()}"
        : string.Concat(name.Select(c => char.IsAsciiLetterUpper(c) ? $"_{char.ToLowerInvariant(c)}" : c.ToString()));

    /// <summary>How it is written: <c>StepLR(step_size, gamma=0.1)</c>.</summary>
    public static string Signature(string name) => $"{name}({string.Join(", ", ArgumentsOf(All[name][0]).Select(a => PythonName(a.Name!) + (a.HasDefaultValue ? $"={Default(a.DefaultValue)}" : "")))})";

    static string Default(object? value) => value switch
    {
        null => "None",
        Enum word => $"'{PythonWord(word.ToString())}'",
        bool flag => flag ? "True" : "False",
        _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!,
    };

    /// <summary>PyTorch's word for a value of an enumeration: <c>exp_range</c> of <c>ExpRange</c>.</summary>
    public static string PythonWord(string name) => PythonName(char.ToLowerInvariant(name[0]) + name[1..]);
}
