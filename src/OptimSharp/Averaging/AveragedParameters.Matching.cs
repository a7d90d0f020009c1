using OptimSharp.Engine;

namespace OptimSharp;

// Which average a parameter of another model is of.
public sealed partial class AveragedParameters
{
    /// <summary>A model's parameters in the order of ours.</summary>
    internal Parameter[] Match(IEnumerable<Parameter> model, string argument)
    {
        turn.Check();
        ArgumentNullException.ThrowIfNull(model, argument);
        Parameter[] given = [.. model];
        if (given.Length != live.Length)
            throw new ArgumentException($"{live.Length} parameters are averaged, but {given.Length} were given.", argument);
        var matched = new Parameter[given.Length];
        for (int i = 0; i < given.Length; i++)
        {
            var parameter = given[i] ?? throw new ArgumentNullException(argument, "A parameter is null.");
            int place = parameter.Name.Length == 0 ? i : IndexOf(parameter.Name);
            if (place < 0)
                throw new ArgumentException($"Parameter {parameter} is none of those that are averaged: {string.Join(", ", Names)}.", argument);
            if (matched[place] is not null)
                throw new ArgumentException($"Two parameters were given for '{Names[place]}'.", argument);
            if (!parameter.Shape.SequenceEqual(averages[place].Shape) || !IsLike(parameter.ElementType, averages[place].Type))
                throw new ArgumentException($"Parameter {parameter} does not fit the average '{Names[place]}', which is [{string.Join(", ", averages[place].Shape.ToArray())}] {averages[place].Type}.", argument);
            RefusePart(parameter);
            parameter.Locate(); // throws when it can't be used
            matched[place] = parameter;
        }
        return matched;
    }

    /// <summary>Throws for what an optimizer with sharded state has in a parameter's place.</summary>
    static void RefusePart(Parameter parameter)
    {
        if (parameter is ParameterPart)
            throw new ArgumentException($"Parameter {parameter} is one of an optimizer whose state is sharded over ranks: it stands for a part of the model's. Give the model's parameters. What averages an optimizer's, as Lookahead does, does not go with sharded state.");
    }

    /// <summary>Whether numbers of one type may become ones of the other: any real ones, any complex ones, whole ones of the same type.</summary>
    static bool IsLike(ElementType a, ElementType b) => a == b || a.IsTrainable() && b.IsTrainable() && a.IsComplex() == b.IsComplex();

    int IndexOf(string name)
    {
        for (int i = 0; i < Names.Count; i++)
        {
            if (Names[i] == name)
                return i;
        }
        return -1;
    }
}
