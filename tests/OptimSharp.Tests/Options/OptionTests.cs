using System.Globalization;
using System.Reflection;
using OptimSharp.Conformance;
using OptimSharp.Rules;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Options;

/// <summary>Options of every optimizer: PyTorch's names and defaults, ranges, reading and writing by name.</summary>
public class OptionTests
{
    public static TheoryData<string> PyTorchs => [.. PyTorchOptions.Of.Keys];

    [Theory]
    [MemberData(nameof(PyTorchs))]
    public void Names_and_defaults_are_PyTorchs(string optimizer)
    {
        string[] keys = PyTorchOptions.Of[optimizer];
        using var made = Make(optimizer);
        var group = made.ParameterGroups[0];
        string[] beyond = PyTorchOptions.Beyond.GetValueOrDefault(optimizer, []);
        Assert.Equal(keys.Concat(beyond).Order(StringComparer.Ordinal), group.OptionKeys);
        Assert.DoesNotContain(made.StateDict().GetDicts("param_groups")[0].Keys, key => beyond.Contains(key.Name));
        Assert.All(beyond, key => Assert.DoesNotContain($"    {key}:", made.ToString(), StringComparison.Ordinal));
        foreach (string key in keys)
        {
            Assert.True(group.HasOption(key));
            if (PyTorchOptions.Default(optimizer).TryGetValue(key, out object? expected))
                Assert.Equal(expected, group[key]);
            else
                Assert.Null(group[key]); // max_eval and line_search_fn
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Every_property_is_an_option(string optimizer)
    {
        string[] notOnDisk = [nameof(OptimizerOptions.StatePrecision), nameof(OptimizerOptions.StatePrecisionByName), nameof(OptimizerOptions.ParameterPrecision)]; // how this process keeps what it has
        foreach (var property in OptionsOf(optimizer).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => !notOnDisk.Contains(p.Name)))
        {
            var option = property.GetCustomAttribute<OptionAttribute>(inherit: true);
            Assert.True(option is not null, $"{optimizer}: {property.Name} has no [Option]: no name on disk, no check.");
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void A_number_out_of_range_is_refused_wherever_it_is_given_and_nothing_changes(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        using var good = Make(optimizer);
        var group = good.ParameterGroups[0];
        int tried = 0;
        foreach (var (key, name, value, bad, range) in OutOfRange(optimizer))
        {
            object? before = group[key];
            string message = $"{name} must be {range}, but is {OptionDescriptor.Text(bad)}";
            KeyValuePair<string, object?>[] options = [new(key, value)];

            Refused(message + ".", () => driver.Create([Of()], options));
            Refused(message + " (parameter group 0).", () => driver.Create([([Of()], options)], []));
            Refused(message + " (parameter group 0).", () => group[key] = value);
            Refused(message + " (parameter group 0).", () => driver.Change(group, options));
            if (key == "lr")
                Refused(message + " (parameter group 0).", () => group.LearningRate = (double)bad);
            if (optimizer != "LBFGS") // which has one group
                Refused(message + " (parameter group 1).", () => driver.AddGroup(good, [Of()], options));
            Assert.Equal(before, group[key]);
            Assert.Single(good.ParameterGroups);
            tried++;
        }
        Assert.True(tried >= 3);

        Parameter Of() => Parameter.Of("w", new float[1], 1, 1);

        static void Refused(string message, Action action)
        {
            var error = Assert.ThrowsAny<ArgumentException>(action);
            Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void The_ends_of_a_range_are_allowed(string optimizer)
    {
        using var made = Make(optimizer);
        var group = made.ParameterGroups[0];
        foreach (var property in Numbers(optimizer))
        {
            var option = property.GetCustomAttribute<OptionAttribute>(inherit: true)!;
            if (optimizer == "Rprop" && option.Key != "lr")
                continue; // pairs in order
            foreach (double end in new[] { option.AtLeast, option.AtMost }.Where(e => !double.IsNaN(e)))
            {
                group[option.Key] = Filled(group[option.Key], end);
                Assert.Equal(Filled(group[option.Key], end), group[option.Key]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void What_was_read_by_name_can_be_written_by_name(string optimizer)
    {
        using var made = Make(optimizer);
        var group = made.ParameterGroups[0];
        foreach (string key in group.OptionKeys)
        {
            object? value = group[key];
            group[key] = value;
            Assert.Equal(value, group[key]);
        }
    }

    [Fact]
    public void An_unknown_name_is_refused_with_those_that_there_are()
    {
        using var optimizer = new SGD([Parameter.Of("w", new float[1])]);
        var group = optimizer.ParameterGroups[0];
        const string Message = "There is no option 'betas'; there are: dampening, lr, maximize, momentum, nesterov, weight_decay.";
        Assert.Equal(Message, Assert.Throws<KeyNotFoundException>(() => group["betas"]).Message);
        Assert.Equal(Message, Assert.Throws<KeyNotFoundException>(() => group["betas"] = 1).Message);
        Assert.False(group.HasOption("betas"));
    }

    public static TheoryData<string, string, object?> WrongTypes => new()
    {
        { "Adam", "lr", null },
        { "Adam", "lr", "0.1" },
        { "Adam", "lr", true },
        { "Adam", "lr", new[] { 0.1 } },
        { "Adam", "betas", 0.9 },
        { "Adam", "betas", new[] { 0.9 } },
        { "Adam", "betas", new[] { 0.9, 0.95, 0.99 } },
        { "Adam", "betas", new object[] { 0.9, "0.95" } },
        { "Adam", "betas", null },
        { "Adam", "amsgrad", "yes" },
        { "LBFGS", "max_iter", 2.5 },
        { "LBFGS", "max_iter", 1e300 },
        { "LBFGS", "line_search_fn", "backtracking" },
        { "LBFGS", "line_search_fn", 1 },
        { "Muon", "ns_coefficients", new[] { 1.0, 2.0 } },
        { "Muon", "adjust_lr_fn", "none" },
        { "Muon", "split_sizes", 3 },
        { "Muon", "split_sizes", new[] { 1.5 } },
        { "Muon", "split_sizes", new object?[] { 1, null } },
    };

    [Theory]
    [MemberData(nameof(WrongTypes))]
    public void A_value_of_another_type_is_refused_by_name_and_nothing_changes(string optimizer, string key, object? value)
    {
        using var made = Make(optimizer);
        var group = made.ParameterGroups[0];
        object? before = group[key];
        var error = Assert.ThrowsAny<ArgumentException>(() => group[key] = value);
        Assert.Contains($"('{key}')", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, group[key]);
    }

    public static TheoryData<string, string, object, object?> OtherForms => new()
    {
        { "Adam", "lr", 1, 1.0 },
        { "Adam", "lr", 0.5f, 0.5 },
        { "Adam", "lr", 2L, 2.0 },
        { "Adam", "lr", 0.25m, 0.25 },
        { "Adam", "betas", new[] { 0.5, 0.6 }, new object[] { 0.5, 0.6 } },
        { "Adam", "betas", new List<object> { 0.5, 0 }, new object[] { 0.5, 0.0 } },
        { "Adam", "betas", (0.5, 0.6), new object[] { 0.5, 0.6 } },
        { "Adam", "amsgrad", 1, true },
        { "Adam", "amsgrad", 0L, false },
        { "LBFGS", "max_iter", 7L, 7 },
        { "LBFGS", "max_iter", 7.0, 7 },
        { "LBFGS", "max_eval", 7L, 7 },
        { "LBFGS", "line_search_fn", "strong_wolfe", "strong_wolfe" },
        { "LBFGS", "line_search_fn", LineSearch.StrongWolfe, "strong_wolfe" },
        { "Muon", "split_sizes", new List<object> { 3, 2.0 }, new object[] { 3L, 2L } },
        { "Muon", "split_sizes", WholeNumbers.Of([3, 2]), new object[] { 3L, 2L } },
    };

    [Theory]
    [MemberData(nameof(OtherForms))]
    public void A_value_in_another_form_is_understood(string optimizer, string key, object value, object? expected)
    {
        using var made = Make(optimizer);
        made.ParameterGroups[0][key] = value;
        Assert.Equal(expected, made.ParameterGroups[0][key]);
    }

    [Fact]
    public void A_choice_that_does_not_exist_is_refused()
    {
        var parameter = Parameter.Of("w", new float[1]);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new LBFGS([parameter], new() { LineSearch = (LineSearch)9 }));
        Assert.StartsWith("LineSearch must be one of None, StrongWolfe, but is 9.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(0.9, 0.1)]
    public void Nesterov_needs_a_momentum_and_no_dampening(double momentum, double dampening)
    {
        var parameter = Parameter.Of("w", new float[1]);
        string message = FormattableString.Invariant($"Nesterov needs Momentum > 0 and Dampening = 0, but they are {momentum} and {dampening}");
        var error = Assert.Throws<ArgumentException>("Nesterov", () => new SGD([parameter], new() { Momentum = momentum, Dampening = dampening, Nesterov = true }));
        Assert.StartsWith($"{message}.", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>("Nesterov", () => new SGD([new([parameter], o => o with { Nesterov = true })], new() { Momentum = momentum, Dampening = dampening }));
        Assert.StartsWith($"{message} (parameter group 0).", error.Message, StringComparison.Ordinal);
        using var optimizer = new SGD([parameter], new() { Momentum = momentum, Dampening = dampening });
        error = Assert.Throws<ArgumentException>("Nesterov", () => optimizer.ParameterGroups[0]["nesterov"] = true);
        Assert.StartsWith($"{message} (parameter group 0).", error.Message, StringComparison.Ordinal);
        Assert.Equal(false, optimizer.ParameterGroups[0]["nesterov"]);
    }

    [Fact]
    public void AdamW_without_decoupled_decay_would_be_Adam()
    {
        var parameter = Parameter.Of("w", new float[1]);
        var error = Assert.Throws<ArgumentException>("DecoupledWeightDecay", () => new AdamW([parameter], new() { DecoupledWeightDecay = false }));
        Assert.StartsWith("DecoupledWeightDecay must be true for AdamW", error.Message, StringComparison.Ordinal);
        using var optimizer = new AdamW([parameter]);
        Assert.Throws<ArgumentException>(() => optimizer.ParameterGroups[0]["decoupled_weight_decay"] = false);
    }

    [Fact]
    public void An_infinite_rate_is_a_rate()
    {
        // As in PyTorch: what is not bounded may be infinite.
        using var optimizer = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = double.PositiveInfinity });
        Assert.Equal(double.PositiveInfinity, optimizer.ParameterGroups[0].LearningRate);
        Assert.ThrowsAny<ArgumentException>(() => optimizer.ParameterGroups[0].LearningRate = double.NegativeInfinity);
    }

    /// <summary>Each option with a value just outside its range or no number; a pair with each of its halves so.</summary>
    static IEnumerable<(string Key, string Name, object? Value, object Bad, string Range)> OutOfRange(string optimizer)
    {
        using var made = Make(optimizer);
        foreach (var property in Numbers(optimizer))
        {
            var option = property.GetCustomAttribute<OptionAttribute>(inherit: true)!;
            double[] outside = [option.AtLeast - 1, option.Above, option.AtMost + 1, option.Below];
            var bad = outside.Where(x => !double.IsNaN(x)).ToList();
            bool whole = property.PropertyType == typeof(int) || property.PropertyType == typeof(int?);
            if (!whole)
                bad.Add(double.NaN);
            foreach (double x in bad)
            {
                object boxed = whole ? (int)x : x;
                if (made.ParameterGroups[0][option.Key] is not object?[] parts)
                {
                    yield return (option.Key, property.Name, boxed, boxed, option.Range);
                    continue;
                }
                for (int i = 0; i < parts.Length; i++)
                {
                    object?[] changed = [.. parts];
                    changed[i] = boxed;
                    yield return (option.Key, $"{property.Name}[{i}]", changed, boxed, option.Range);
                }
            }
        }
    }

    static IEnumerable<PropertyInfo> Numbers(string optimizer) =>
        OptionsOf(optimizer).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetCustomAttribute<OptionAttribute>(inherit: true) is not null && p.PropertyType != typeof(bool) && !p.PropertyType.IsEnum);

    static object? Filled(object? like, double value) => like switch
    {
        object?[] parts => Array.ConvertAll(parts, _ => (object?)value),
        int => (int)value,
        null => (int)value, // LBFGS's max_eval
        _ => Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    static Type OptionsOf(string optimizer)
    {
        var type = OptimizerDriver.For(optimizer).Type;
        while (!type.IsGenericType)
            type = type.BaseType!;
        return type.GetGenericArguments()[0];
    }

    static Optimizer Make(string optimizer) => OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[1], 1, 1)], []);
}
