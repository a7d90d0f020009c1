using System.Globalization;

namespace OptimSharp.Schedulers;

/// <summary>An option that is a number, or the number at one place of an option that is several: <c>weight_decay</c>, <c>betas[0]</c>.</summary>
internal sealed class OptionPath
{
    readonly string text;
    readonly int? part;

    /// <exception cref="ArgumentException">The text is no option's name, with or without a place.</exception>
    public OptionPath(string option)
    {
        ArgumentException.ThrowIfNullOrEmpty(option);
        text = option;
        int bracket = option.IndexOf('[', StringComparison.Ordinal);
        Key = bracket < 0 ? option : option[..bracket];
        if (bracket < 0)
            return;
        part = option.EndsWith(']') && int.TryParse(option.AsSpan(bracket + 1, option.Length - bracket - 2), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number.ToString(CultureInfo.InvariantCulture).Length == option.Length - bracket - 2
            ? number : throw new ArgumentException($"An option is named as 'weight_decay' or, for one of its numbers, as 'betas[0]', but not as '{option}'.", nameof(option));
    }

    /// <summary>PyTorch's name of the whole option.</summary>
    public string Key { get; }

    public override string ToString() => text;

    /// <summary>The number in a group that has the option.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public double Read(ParameterGroup group, int index)
    {
        object? whole = group[Key], value = whole;
        if (part is { } place)
        {
            value = whole is object?[] numbers && place < numbers.Length ? numbers[place] : throw new ArgumentException(
                $"Option '{Key}' of parameter group {index} is {OptionDescriptor.Text(whole)}: there is no '{text}'.");
        }
        return value switch
        {
            double or float or int or long when Convert.ToDouble(value, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) => number,
            object?[] => throw new ArgumentException($"Option '{text}' of parameter group {index} is {OptionDescriptor.Text(value)}: name one of its numbers, as '{text}[0]'."),
            _ => throw new ArgumentException($"Option '{text}' of parameter group {index} is {OptionDescriptor.Text(value)}, which is no finite number: it can't be scheduled."),
        };
    }

    /// <summary>Sets the number.</summary>
    /// <exception cref="ArgumentException">The option can't have it. Nothing was changed.</exception>
    public void Write(ParameterGroup group, double value)
    {
        if (part is not { } place)
        {
            group[Key] = value;
            return;
        }
        object?[] numbers = [.. (object?[])group[Key]!];
        numbers[place] = value;
        group[Key] = numbers;
    }
}
