using System.Reflection;
using OptimSharp.Schedulers;
using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Kind "scheduler": the groups' rates before each step, compared with PyTorch's.</summary>
sealed class SchedulerCase : GoldenCase
{
    const double Tolerance = 1e-12;

    readonly OptimizerDriver driver;
    readonly KeyValuePair<string, object?>[] options;
    readonly KeyValuePair<string, object?>[][] groups;
    readonly GoldenNode scheduler;
    readonly Dictionary<int, (int Group, KeyValuePair<string, object?>[] Options)[]> changes;
    readonly double[][] rates;
    readonly (string Option, double[][] Values)[] cycled;
    readonly double?[] metrics, epochs;

    public SchedulerCase(GoldenNode root)
    {
        driver = OptimizerDriver.For(root["optimizer"].Text());
        options = root.Optional("options")?.Options() ?? [];
        groups = [.. root["groups"].Items().Select(g => g.Options())];
        scheduler = root["scheduler"];
        rates = Rows(root["lr"]);
        cycled = [.. new[] { "momentum", "betas" }.Where(k => root.Optional(k)?.Items().Length > 0).Select(k => (k, Rows(root[k])))];
        metrics = Arguments("metrics");
        epochs = Arguments("epochs");
        double?[] Arguments(string key) => [.. root.Optional(key)?.Items().Select(x => x.IsNull ? (double?)null : x.Number()) ?? []];
        changes = root.Optional("set")?.Fields().ToDictionary(f => StepNumber(f.Key, root), f => f.Value.Items().Select(ReadChange).ToArray()) ?? [];
    }

    protected override void Run(IParameterSource source)
    {
        var parameters = groups.Select((_, i) => source.Create($"p{i}", [1, 1], ElementType.Float32, [1])).ToArray(); // Muon takes matrices only
        try
        {
            using var optimizer = driver.Create(parameters.Zip(groups, (p, g) => ((IReadOnlyList<Parameter>)[p.Parameter], g)), options);
            var built = SchedulerBuilder.Build(scheduler, optimizer);
            double largest = rates.SelectMany(r => r).Select(Math.Abs).DefaultIfEmpty(0).Max();
            for (int k = 0; k < rates.Length; k++)
            {
                double[] expected = [.. rates[k].Select(rate => rate < 0 && -rate <= Tolerance * largest ? 0 : rate)], before = [.. optimizer.ParameterGroups.Select(g => g.LearningRate)];
                foreach (var (group, change) in changes.GetValueOrDefault(k) ?? [])
                    driver.Change(optimizer.ParameterGroups[group], change);
                double[] after = [.. optimizer.ParameterGroups.Select(g => g.LearningRate)];
                Compare($"lr[{k}]", expected, [.. after.Select((rate, i) => expected[i] == before[i] ? before[i] : rate)]); // a case may have looked before it set
                foreach (var (option, values) in cycled)
                    Compare($"{option}[{k}]", values[k], [.. optimizer.ParameterGroups.Select(g => First(g[option]))]);
                if (k + 1 == rates.Length)
                    break;
                optimizer.Step(() => 0.0); // without gradients; LBFGS needs the closure
                foreach (var one in built)
                    Step(one, k);
            }
        }
        finally
        {
            foreach (var parameter in parameters)
                parameter.Dispose();
        }
    }

    /// <summary>One step, with the metric or the epoch where the case has them.</summary>
    void Step(LRScheduler one, int k)
    {
        var argument = one.GetType().Name == "ReduceLROnPlateau" ? metrics : epochs;
        if (k < argument.Length && argument[k] is { } value && one.GetType().GetMethod("Step", [typeof(double)]) is { } step)
            step.Invoke(one, BindingFlags.DoNotWrapExceptions, null, [value], null);
        else
            one.Step();
    }

    static void Compare(string place, double[] expected, double[] actual)
    {
        for (int i = 0; i < expected.Length; i++) // each rate by itself: a tolerance of the largest would hide the smaller
        {
            if (Comparison.Difference([expected[i]], [actual[i]], Tolerance) is { } difference)
                throw new GoldenCaseException($"{place}, group {i}: {difference}");
        }
    }

    static double First(object? option) =>
        Convert.ToDouble(option is object?[] list ? list[0] : option, System.Globalization.CultureInfo.InvariantCulture);

    double[][] Rows(GoldenNode node) => [.. node.Items().Select(row => row.Items(groups.Length).Select(x => x.Number()).ToArray())];

    int StepNumber(string key, GoldenNode root) =>
        int.TryParse(key, System.Globalization.CultureInfo.InvariantCulture, out int k) && k >= 0 && k < rates.Length
            ? k : throw root.Error($"'set' has no step '{key}'");

    (int Group, KeyValuePair<string, object?>[] Options) ReadChange(GoldenNode node)
    {
        long group = node["group"].Integer();
        return group >= 0 && group < groups.Length ? ((int)group, node.Options(but: "group")) : throw node.Error($"there is no group {group}");
    }
}

/// <summary>
/// Makes schedulers from what a case says: the class by its name, its constructor's arguments by PyTorch's names
/// (<c>T_max</c> for <c>tMax</c>). A new scheduler needs no code here, unless its arguments are of a new type.
/// </summary>
static class SchedulerBuilder
{
    /// <summary>The schedulers to be stepped one after the other: several for "Together", else one.</summary>
    public static LRScheduler[] Build(GoldenNode node, Optimizer optimizer)
    {
        string name = node["type"].Text();
        if (name == "Together")
            return [.. node.WithOnly("type", "schedulers")["schedulers"].Items().SelectMany(n => Build(n, optimizer))];
        var type = typeof(LRScheduler).Assembly.GetType($"{typeof(LRScheduler).Namespace}.{name}");
        if (type is not { IsPublic: true, IsAbstract: false } || !type.IsSubclassOf(typeof(LRScheduler)))
            throw node.Error($"there is no scheduler '{name}'");
        var given = node.Fields().Where(f => f.Key != "type").ToArray();
        var constructor = type.GetConstructors().OrderByDescending(c => given.Count(f => Find(c, f.Key) is { } p && Fits(p, f.Value))).First();
        foreach (var (key, _) in given)
        {
            if (Find(constructor, key) is null)
                throw node.Error($"{name} has no argument '{key}' (it has: {string.Join(", ", constructor.GetParameters().Select(p => p.Name))})");
        }
        var arguments = constructor.GetParameters().Select(p => Argument(p, node, given, optimizer)).ToArray();
        return [(LRScheduler)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, null)];
    }

    static object? Argument(ParameterInfo parameter, GoldenNode node, (string Key, GoldenNode Value)[] given, Optimizer optimizer)
    {
        foreach (var (key, value) in given)
        {
            if (Matches(parameter, key))
                return Convert(value, parameter.ParameterType, optimizer);
        }
        if (parameter.ParameterType == typeof(Optimizer))
            return optimizer;
        return parameter.HasDefaultValue ? parameter.DefaultValue : throw node.Error($"the argument '{parameter.Name}' is missing");
    }

    static ParameterInfo? Find(ConstructorInfo constructor, string key) => constructor.GetParameters().FirstOrDefault(p => Matches(p, key));

    static bool Matches(ParameterInfo parameter, string key) =>
        string.Equals(parameter.Name, key == "lambdas" ? "lrLambda" : key.Replace("_", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a list goes to a parameter that takes several values.</summary>
    static bool Fits(ParameterInfo parameter, GoldenNode value) =>
        parameter.ParameterType == typeof(PerGroup) || value.IsList == (ElementOf(parameter.ParameterType) is not null);

    static object? Convert(GoldenNode value, Type type, Optimizer optimizer)
    {
        if (value.IsNull && !type.IsValueType)
            return null;
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return value.IsNull ? null : Convert(value, inner, optimizer);
        if (type == typeof(double))
            return value.Number();
        if (type == typeof(int))
            return checked((int)value.Integer());
        if (type == typeof(long))
            return value.Integer();
        if (type == typeof(bool))
            return value.Plain() is bool flag ? flag : throw value.Error("true or false is needed");
        if (type == typeof(string))
            return value.Text();
        if (type.IsEnum)
            return Enum.Parse(type, value.Text().Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
        if (type == typeof(PerGroup))
            return value.IsList ? (PerGroup)value.Numbers() : value.Number();
        if (type == typeof(Func<long, double>))
            return Function(value);
        if (type == typeof(LRScheduler))
            return Build(value, optimizer) is [var one] ? one : throw value.Error("one scheduler is needed");
        if (ElementOf(type) is { } element)
        {
            var items = value.Items();
            if (element == typeof(Func<long, double>) && items.Length == 1)
                items = [.. Enumerable.Repeat(items[0], optimizer.ParameterGroups.Count)]; // one function for all groups
            var array = Array.CreateInstance(element, items.Length);
            for (int i = 0; i < items.Length; i++)
                array.SetValue(Convert(items[i], element, optimizer), i);
            return array;
        }
        throw value.Error($"arguments of type {type} are not known here");
    }

    /// <summary>The functions that cases may name.</summary>
    static Func<long, double> Function(GoldenNode value) => value.Text() switch
    {
        "0.95**e" => e => Math.Pow(0.95, e),
        "1/(1+e)" => e => 1.0 / (1 + e),
        "1.0" => _ => 1.0,
        "e<3" => e => e < 3 ? 1 : 0,
        var name => throw value.Error($"there is no function '{name}'"),
    };

    /// <summary>The type of the elements of an array or of a list's interface.</summary>
    static Type? ElementOf(Type type) =>
        type.IsArray ? type.GetElementType()
        : type.IsGenericType && type.GetGenericArguments() is [var element] && type.IsAssignableFrom(element.MakeArrayType()) ? element
        : null;
}
