using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>All options of a record, found once by reflection over its marked properties.</summary>
internal static class OptionSchema<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>
    where TOptions : OptimizerOptions
{
    /// <summary>The options in PyTorch's alphabetical order, as its optimizers print them.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        .. from property in typeof(TOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance)
           let attribute = property.GetCustomAttribute<OptionAttribute>(inherit: true)
           where attribute is not null
           orderby attribute.Key
           select new OptionDescriptor(property, attribute)
    ];

    public static OptionDescriptor? Find(string key) => Options.FirstOrDefault(o => o.Key == key);

    /// <summary>The keys of the options in which two records differ, with <see cref="OptimizerOptions.OfThisProcess"/>.</summary>
    public static IEnumerable<string> Difference(TOptions one, TOptions other) =>
    [
        .. from option in Options
           where OptionDescriptor.Text(option.Get(one)) != OptionDescriptor.Text(option.Get(other))
           select option.Key,
        .. OptimizerOptions.OfThisProcess.Where(key => one.TextOf(key) != other.TextOf(key)),
    ];

    static bool isSound;

    /// <summary>Throws <see cref="ArgumentException"/> naming option, value, range and place when something is out of range; or when the record has options that can't be.</summary>
    public static void Check(TOptions options, string where = "")
    {
        if (!isSound)
            CheckRecord();
        foreach (var option in Options)
            option.Check(options, where);
        if (options.WrongTogether() is var (name, problem))
            throw new ArgumentException($"{problem}{where}.", name);
    }

    static void CheckRecord()
    {
        string[] taken = ["params", "param_names", "initial_lr"];
        foreach (var option in Options)
        {
            if (option.Fault is { } fault)
                throw new ArgumentException($"{typeof(TOptions).Name}.{option.Name} can't be an option: {fault}.", option.Name);
            if (taken.Contains(option.Key) || Options.Any(other => other != option && other.Key == option.Key))
                throw new ArgumentException($"{typeof(TOptions).Name}.{option.Name} can't be an option: its key '{option.Key}' is another's.", option.Name);
        }
        isSound = true;
    }
}
