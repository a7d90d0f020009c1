using Spectre.Console;

namespace OptimSharp.Tool;

/// <summary>Draws what is in a checkpoint as a tree.</summary>
sealed class StateTree
{
    const int Deepest = 60, WidestName = 60;

    readonly int depth;
    readonly HashSet<PythonObject> seen = [];

    StateTree(int depth) => this.depth = Math.Min(depth, Deepest);

    /// <param name="title">What the tree is called.</param>
    /// <param name="value">What it shows.</param>
    /// <param name="depth">How many levels.</param>
    public static Tree Of(string title, object? value, int depth)
    {
        var tree = new Tree(new Text(title)) { Guide = TreeGuide.Line };
        var state = new StateTree(depth);
        if (value is StateDict or IReadOnlyList<object?> or PythonObject)
            state.Fill(tree, value, 1);
        else
            tree.AddNode(Leaf("", value));
        if (value is PythonObject thing)
            tree = WithTitle(title, thing, tree);
        return tree;
    }

    static Tree WithTitle(string title, PythonObject thing, Tree inner)
    {
        var tree = new Tree(new Text(title)) { Guide = TreeGuide.Line };
        tree.AddNode(new Markup(ObjectMarkup(thing))).AddNodes(inner.Nodes);
        return tree;
    }

    void Fill(IHasTreeNodes node, object? value, int level)
    {
        (string Name, object? Value)[] parts = [.. PartsOf(value)];
        if (level > depth)
        {
            if (parts.Length > 0)
                node.AddNode(new Text("…"));
            return;
        }
        var tensors = parts.Where(p => p.Value is TensorData);
        int width = Math.Min(WidestName, tensors.Select(p => Printable.Of(p.Name, 200).Length).DefaultIfEmpty().Max());
        int shapes = Math.Min(WidestName, tensors.Select(p => Shape(((TensorData)p.Value!).Shape).Length).DefaultIfEmpty().Max());
        foreach (var (name, part) in parts)
        {
            switch (part)
            {
                case StateDict { Count: > 0 } dict:
                    Fill(node.AddNode(new Markup($"{Name(name)}{Note(dict)}")), dict, level + 1);
                    break;
                case IReadOnlyList<object?> list when list.Any(HoldsMore):
                    Fill(node.AddNode(new Markup($"{Name(name)} [grey]{(list is StateTuple ? "tuple" : "list")} of {list.Count}[/]")), list, level + 1);
                    break;
                case SparseTensorData sparse:
                    node.AddNode(new Markup($"{Name(name)}  [cyan]{Markup.Escape(Shape(sparse.Shape))}[/]  [green]{sparse.ElementType.Name()}[/]  sparse, {sparse.Layout}"));
                    break;
                case PythonObject thing:
                    var inner = node.AddNode(new Markup($"{Name(name)}: {ObjectMarkup(thing)}"));
                    if (thing.Kind != PythonObjectKind.Reference && seen.Add(thing))
                        Fill(inner, thing, level + 1);
                    break;
                default:
                    node.AddNode(Leaf(name, part, width, shapes));
                    break;
            }
        }
    }

    static IEnumerable<(string Name, object? Value)> PartsOf(object? value) => value switch
    {
        StateDict dict => dict.Select(entry => (entry.Key.ToString(), entry.Value)),
        IReadOnlyList<object?> list => list.Select((item, i) => ($"[{i}]", item)),
        PythonObject thing => StateWalk.PartsOf(thing),
        _ => [],
    };

    static bool HoldsMore(object? value) => value is StateDict { Count: > 0 } or PythonObject or TensorData or SparseTensorData || value is IReadOnlyList<object?> list && list.Any(HoldsMore);

    static Markup Leaf(string name, object? value, int width = 0, int shapes = 0) => value is TensorData tensor
        ? new($"{Markup.Escape(Printable.Of(name, 200).PadRight(width))}  [cyan]{Markup.Escape(Shape(tensor.Shape).PadRight(shapes))}[/]  [green]{tensor.ElementType.Name()}[/]  {Sizes.Text(tensor.Bytes)}")
        : new($"{Name(name)}{(name.Length > 0 ? ": " : "")}{Markup.Escape(ValueText.Of(value))}");

    static string Shape(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    static string Name(string name) => Markup.Escape(Printable.Of(name, 200));

    static string Note(StateDict dict)
    {
        string kind = dict.PythonType is { } type and not "collections.OrderedDict" ? Printable.Of(type, 100) + ", " : "";
        return StateSearch.IsOptimizers(dict) ? $" [grey]({Markup.Escape(kind)}an optimizer's state)[/]" : $" [grey]({Markup.Escape(kind)}{dict.Count} {(dict.Count == 1 ? "entry" : "entries")})[/]";
    }

    static string ObjectMarkup(PythonObject thing) => $"[yellow]{Markup.Escape(Printable.Of(thing.Type, 200))}[/] [grey]({thing.Kind switch
    {
        PythonObjectKind.Reference => "a class or function",
        PythonObjectKind.Call => "a call, not made",
        PythonObjectKind.Storage => "a storage",
        _ => "an object",
    }})[/]";
}
