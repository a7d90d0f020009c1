using System.Reflection;
using OptimSharp.Conformance;
using OptimSharp.Rules;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Options;

/// <summary>Which options may be infinite: those of which the page says what that means, and what PyTorch's own optimizers take.</summary>
public class InfinityTests
{
    /// <summary>Infinity stands for no limit.</summary>
    static readonly (string Optimizer, string Key)[] NoLimit = [("Prodigy", "growth_rate"), ("DAdaptAdam", "growth_rate")];

    /// <summary>What PyTorch checks to be ≥ 0, or not at all, and so do we.</summary>
    static readonly string[] Open = ["lr", "eps", "weight_decay", "dampening", "lr_decay", "initial_accumulator_value", "lambd", "t0", "momentum_decay", "tolerance_grad", "tolerance_change", "ns_coefficients", "d"];

    /// <summary>What it does not check.</summary>
    static readonly string[] Free = ["dampening", "t0", "ns_coefficients"];

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void No_number_is_NaN_and_none_infinite_but_where_that_means_something(string optimizer)
    {
        using var made = OptimizerDriver.For(optimizer).Create([Parameter.Of("w", new float[1], 1, 1)], []);
        var group = made.ParameterGroups[0];
        int tried = 0;
        foreach (var property in group.CurrentOptions.GetType().GetProperties().Where(p => p.GetCustomAttribute<OptionAttribute>(inherit: true) is not null))
        {
            string key = property.GetCustomAttribute<OptionAttribute>(inherit: true)!.Key;
            var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (type != typeof(double) && !type.IsAssignableTo(typeof(System.Runtime.CompilerServices.ITuple)))
                continue;
            if (key is "etas" or "step_sizes")
                continue; // pairs in order
            object? before = group[key];
            foreach (double value in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
            {
                for (int i = 0; i < (before is object?[] all ? all.Length : 1); i++)
                {
                    object? changed = value;
                    if (before is object?[] parts)
                    {
                        object?[] copy = [.. parts];
                        copy[i] = value;
                        changed = copy;
                    }
                    if (MayBe(optimizer, key, value))
                    {
                        group[key] = changed;
                        Assert.Equal(changed, group[key]);
                        group[key] = before;
                    }
                    else
                    {
                        var error = Assert.ThrowsAny<ArgumentException>(() => group[key] = changed);
                        Assert.StartsWith(property.Name, error.Message, StringComparison.Ordinal);
                        Assert.Equal(before, group[key]);
                    }
                    tried++;
                }
            }
        }
        Assert.True(tried >= 3);
    }

    static bool MayBe(string optimizer, string key, double value) =>
        double.IsNaN(value) ? false
        : !PyTorchOptions.Of.ContainsKey(optimizer) ? value > 0 && NoLimit.Contains((optimizer, key))
        : Free.Contains(key) || value < 0 && (optimizer, key) is ("Adafactor", "beta2_decay") || value > 0 && (Open.Contains(key) || (optimizer, key) is ("SGD" or "RMSprop", "momentum") or ("ASGD", "alpha"));

    [Fact]
    public void An_infinite_number_is_named_with_its_place()
    {
        Parameter[] parameters = [Parameter.Of("w", new float[4], 2, 2)];
        Assert.StartsWith("LearningRate must be finite, but is Infinity.", Assert.Throws<ArgumentOutOfRangeException>(() => new Lion(parameters, new() { LearningRate = double.PositiveInfinity })).Message, StringComparison.Ordinal);
        Assert.StartsWith("Dampening must be finite, but is -Infinity.", Assert.Throws<ArgumentOutOfRangeException>(() => new LARS(parameters, new() { Dampening = double.NegativeInfinity })).Message, StringComparison.Ordinal);
        Assert.StartsWith("NewtonSchulzCoefficients[1] must be finite, but is Infinity (parameter group 0).",
            Assert.Throws<ArgumentOutOfRangeException>(() => new NorMuon([new(parameters, o => o with { NewtonSchulzCoefficients = (1, double.PositiveInfinity, 1) })])).Message, StringComparison.Ordinal);
    }
}
