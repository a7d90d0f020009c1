using System.CommandLine;
using System.CommandLine.Parsing;

namespace OptimSharp.Tool;

/// <summary>What is wrong with a command line, in one line.</summary>
static class UsageError
{
    public static string Of(ParseResult line)
    {
        var command = line.CommandResult.Command;
        return $"{Unmatched(line, command) ?? Unfinished(line, command) ?? Of(line.Errors[0])} See {PathOf(command)} --help.";
    }

    /// <summary>The commands that lead to one, the program first.</summary>
    static string PathOf(Command command) =>
        command is RootCommand ? "optimsharp" : string.Join(' ', new[] { PathOf(command.Parents.OfType<Command>().First()), command.Name });

    /// <summary>A word that is nothing.</summary>
    static string? Unmatched(ParseResult line, Command command)
    {
        if (line.UnmatchedTokens is not [var word, ..])
            return null;
        if (word.StartsWith('-') && word.Length > 1)
        {
            string option = word.Split('=')[0];
            string[] options = [.. OptionsOf(command).SelectMany(o => o.Aliases.Prepend(o.Name)).Where(name => name.StartsWith('-'))];
            return $"There is no option '{option}'{DidYouMean(option, options)}";
        }
        string[] commands = [.. command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name)];
        return commands.Length > 0 ? $"There is no command '{word}'; there are: {string.Join(", ", commands)}{DidYouMean(word, commands)}"
            : $"'{word}' is one argument too many for {command.Name}.";
    }

    /// <summary>A line that ends too early.</summary>
    static string? Unfinished(ParseResult line, Command command)
    {
        string[] commands = [.. command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name)];
        if (commands.Length > 0)
            return $"A command is missing: {string.Join(", ", commands)}.";
        string[] missing = [.. command.Arguments.Where(a => a.Arity.MinimumNumberOfValues > (line.GetResult(a)?.Tokens.Count ?? 0)).Select(a => a.HelpName ?? a.Name.ToUpperInvariant())];
        return missing.Length > 0 ? $"{command.Name} needs {string.Join(" and ", missing)}." : null;
    }

    static string Of(ParseError error)
    {
        if ((error.SymbolResult as OptionResult ?? error.SymbolResult?.Parent as OptionResult) is not { } given)
            return Sentence(error.Message);
        string name = given.IdentifierToken?.Value ?? given.Option.Name;
        if (given.Tokens.Count == 0 && given.IdentifierToken is not null)
            return $"{name} needs a value{(given.Option.HelpName is { } value ? $": {name} {value}" : "")}.";
        if (given.Tokens.Count > given.Option.Arity.MaximumNumberOfValues)
            return $"{name} is given {given.Tokens.Count} times, and may be once.";
        return given.Tokens is [.., var last] && Kind(given.Option.ValueType) is { } kind ? $"{name} must be {kind}, but is '{last.Value}'." : Sentence(error.Message);
    }

    static string? Kind(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        var t when t == typeof(int) => $"a whole number from {int.MinValue} to {int.MaxValue}",
        var t when t == typeof(double) => "a number",
        var t when t == typeof(bool) => "true or false",
        _ => null,
    };

    static IEnumerable<Option> OptionsOf(Command command) =>
        command.Options.Concat(command.Parents.OfType<Command>().SelectMany(OptionsOf).Where(o => o.Recursive)).Where(o => !o.Hidden);

    static string DidYouMean(string word, IReadOnlyList<string> known) => Spelling.Closest(word, known) is { } close ? $". Did you mean '{close}'?" : ".";

    static string Sentence(string text) => text.EndsWith('.') ? text : text + ".";
}
