using System.Reflection;
using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>Makes the scheduler that an expression says, on an optimizer.</summary>
/// <param name="optimizer">The optimizer.</param>
sealed class SchedulerBuilder(Optimizer optimizer)
{
    /// <exception cref="ToolException">The expression is none of a scheduler, or an argument is wrong.</exception>
    public LRScheduler Build(Node node)
    {
        if (node is not Call call)
            throw new ToolException($"A schedule is a scheduler with its arguments, as StepLR(step_size=30); at character {node.At + 1} there is something else.");
        string name = NameOf(call);
        var ways = SchedulerCatalog.All[name];
        ToolException? problem = null;
        foreach (var way in ways)
        {
            try
            {
                return Make(name, way, call);
            }
            catch (ToolException e)
            {
                problem ??= e; // of the first way, which takes one value where others take a list
            }
        }
        throw problem!;
    }

    /// <summary>With PyTorch's module before it or without.</summary>
    static string NameOf(Call call)
    {
        string name = call.Function;
        foreach (string module in (string[])["torch.optim.lr_scheduler.", "torch.optim.swa_utils.", "optim.lr_scheduler.", "lr_scheduler."])
            name = name.StartsWith(module, StringComparison.Ordinal) ? name[module.Length..] : name;
        return SchedulerCatalog.All.ContainsKey(name) ? name
            : throw new ToolException($"There is no scheduler '{name}'; there are: {string.Join(", ", SchedulerCatalog.All.Keys)}.");
    }

    LRScheduler Make(string name, MethodBase way, Call call)
    {
        var arguments = SchedulerCatalog.ArgumentsOf(way);
        var given = Given(name, arguments, call);
        object?[] values = [.. way.GetParameters().Select(parameter =>
            parameter.ParameterType == typeof(Optimizer) ? optimizer
            : given.TryGetValue(parameter.Name!, out var node) ? Value(node, parameter.ParameterType, $"{name}'s {SchedulerCatalog.PythonName(parameter.Name!)}")
            : parameter.HasDefaultValue ? Default(parameter)
            : throw Missing(name, SchedulerCatalog.PythonName(parameter.Name!), call))];
        try
        {
            return (LRScheduler)(way is ConstructorInfo constructor
                ? constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, values, null)
                : way.Invoke(null, BindingFlags.DoNotWrapExceptions, null, values, null)!);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            string text = arguments.Aggregate(ErrorText.Of(e), (message, argument) => System.Text.RegularExpressions.Regex.Replace(message, $@"\b{argument.Name}\b", SchedulerCatalog.PythonName(argument.Name!)));
            throw new ToolException($"{name}: {text}");
        }
    }

    /// <summary>A name that comes first is an optimizer's, also where it was meant for something else.</summary>
    static ToolException Missing(string name, string argument, Call call) => new($"{name} needs {argument}: {SchedulerCatalog.Signature(name)}."
        + (call.Arguments is [Name first, ..] && IsOptimizer(first) ? $" '{first.Text}' in the first place is taken for the optimizer: values and functions are written out, as 30 or lambda epoch: 0.95 ** epoch." : ""));

    /// <summary>What is given for each argument, by place or by name.</summary>
    static Dictionary<string, Node> Given(string name, ParameterInfo[] arguments, Call call)
    {
        var given = new Dictionary<string, Node>();
        // Lines of scripts have the optimizer first.
        Node[] positional = [.. call.Arguments.Where((node, i) => !(i == 0 && IsOptimizer(node)))];
        int next = 0;
        if (arguments is [{ Name: "schedulers" } first, ..] && positional.Length > 0 && positional[0] is Call)
        {
            Node[] schedulers = [.. positional.TakeWhile(node => node is Call)]; // not in brackets
            given.Add(first.Name!, new Items(schedulers, schedulers[0].At));
            positional = positional[schedulers.Length..];
            next = 1;
        }
        foreach (var node in positional)
        {
            if (next == arguments.Length)
                throw new ToolException($"{name} takes {arguments.Length} {(arguments.Length == 1 ? "argument" : "arguments")}, and there are more: {SchedulerCatalog.Signature(name)}.");
            given.Add(arguments[next++].Name!, node);
        }
        foreach (var (argument, node) in call.Named)
        {
            if (argument is "optimizer" || argument is "last_epoch" && node is Unary { Sign: "-", Value: Constant { Value: 1L } } || argument == "verbose")
                continue;
            var parameter = Array.Find(arguments, a => Plain(a.Name!) == Plain(argument))
                ?? throw new ToolException($"{name} has no argument '{argument}': {SchedulerCatalog.Signature(name)}.");
            if (!given.TryAdd(parameter.Name!, node))
                throw new ToolException($"{name} is given {argument} twice.");
        }
        return given;
    }

    static object? Default(ParameterInfo parameter) => parameter.DefaultValue is null && parameter.ParameterType == typeof(PerGroup) ? default(PerGroup) : parameter.DefaultValue;

    object? Value(Node node, Type type, string what)
    {
        type = Nullable.GetUnderlyingType(type) is { } inner ? node is Constant { Value: null } ? typeof(void) : inner : type;
        if (type == typeof(void))
            return null;
        if (type == typeof(double))
            return Number(node, what);
        if (type == typeof(int))
            return (int)Whole(node, what, int.MaxValue);
        if (type == typeof(bool))
            return Arithmetic.Of(node) is bool flag ? flag : throw new ToolException($"{what} must be True or False.");
        if (type == typeof(PerGroup))
            return node is Items each ? (PerGroup)EachGroup(each, what) : (PerGroup)Number(node, what);
        if (type.IsEnum)
            return Word(node, type, what);
        if (type == typeof(Func<long, double>))
            return node is Constant { Value: null } ? null : OfFunction(node, what);
        if (type == typeof(Func<Optimizer, LRScheduler>))
            return (Func<Optimizer, LRScheduler>)(_ => Build(node));
        if (node is not Items items)
            throw new ToolException($"{what} must be a list, as [1, 2].");
        if (type == typeof(IEnumerable<int>))
            return items.Values.Select(value => (int)Whole(value, what, int.MaxValue)).ToArray();
        if (type == typeof(IEnumerable<Func<long, double>>))
            return items.Values.Select(value => OfFunction(value, what)).ToArray();
        return items.Values.Select(Build).ToArray();
    }

    double[] EachGroup(Items items, string what)
    {
        int groups = optimizer.ParameterGroups.Count;
        return items.Values.Count == groups ? [.. items.Values.Select(value => Number(value, what))]
            : throw new ToolException($"{what} has {Count(items.Values.Count, "value")}, but there {(groups == 1 ? "is" : "are")} {Count(groups, "parameter group")}: as many rates of --lr, with commas between, make as many groups.");
    }

    static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    static double Number(Node node, string what)
    {
        bool isOther = node is Items or Function || node is Call call && SchedulerCatalog.All.ContainsKey(call.Function);
        return !isOther && Arithmetic.Of(node) is long or double ? Arithmetic.Number(node) : throw new ToolException($"{what} must be a number.");
    }

    static double Whole(Node node, string what, double most) => Number(node, what) is var number && number == Math.Floor(number) && Math.Abs(number) <= most ? number
        : throw new ToolException($"{what} must be a whole number, but is {ValueText.Short(number)}.");

    static object Word(Node node, Type type, string what)
    {
        string[] words = [.. Enum.GetNames(type).Select(SchedulerCatalog.PythonWord)];
        int found = Arithmetic.Of(node) is string word ? Array.IndexOf(words, word) : -1;
        return found >= 0 ? Enum.Parse(type, Enum.GetNames(type)[found]) : throw new ToolException($"{what} must be one of {string.Join(", ", words.Select(w => $"'{w}'"))}.");
    }

    static Func<long, double> OfFunction(Node node, string what) => node is Function function
        ? epoch => Arithmetic.Number(function.Body, function.Parameter, epoch)
        : throw new ToolException($"{what} must be a function of the epoch, as lambda epoch: 0.95 ** epoch{(node is Name name ? $"; '{name.Text}' is a name that nothing is known of" : "")}.");

    static bool IsOptimizer(Node node) => node is Name name && !name.Text.StartsWith("math.", StringComparison.Ordinal);

    static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();
}
