namespace OptimSharp.Testing;

/// <summary>
/// One law that an optimizer's steps keep, to the bit. <see cref="OptimizerLaws"/> has all of them.
/// </summary>
public sealed class OptimizerLaw
{
    readonly Func<Subject, Finding?> find;

    internal OptimizerLaw(string name, string description, Func<Subject, Finding?> find)
    {
        Name = name;
        Description = description;
        this.find = find;
    }

    /// <summary>A law that is checked with each element type, state precision and kind of gradient that the optimizer takes.</summary>
    internal OptimizerLaw(string name, string description, Func<Setting, string?> difference)
        : this(name, description, subject => Each(subject, difference))
    {
    }

    /// <summary>The name, such as <c>Threads</c>.</summary>
    public string Name { get; }

    /// <summary>The law in a sentence.</summary>
    public string Description { get; }

    /// <summary>Checks that an optimizer keeps the law. A law that does not apply to it is kept.</summary>
    /// <param name="create">
    /// Makes the optimizer for some parameters: a new one at each call, with the same options. It may have several groups: then laws that need all parameters to be alike do not apply.
    /// </param>
    /// <param name="options">What it is checked on; null: the defaults.</param>
    /// <exception cref="OptimizerLawException">The law is broken. The message says where, and on what.</exception>
    /// <exception cref="ArgumentException">The optimizer takes no gradients at all, or not a type that the options name; or an option is out of range.</exception>
    public void Check(Func<IReadOnlyList<Parameter>, Optimizer> create, LawOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(create);
        Check(new Subject(create, options ?? new()));
    }

    internal void Check(Subject subject)
    {
        if (find(subject) is { } finding)
            throw new OptimizerLawException(this, $"{subject.Describe()} breaks the law {Name} ({Description}): {finding.Difference}. With {finding.Place}.");
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    static Finding? Each(Subject subject, Func<Setting, string?> difference)
    {
        foreach (var setting in subject.Settings)
        {
            if (difference(setting) is { } found)
                return new(found, setting.ToString());
        }
        return null;
    }
}

/// <summary>How a law is broken.</summary>
/// <param name="Difference">What differs, in words.</param>
/// <param name="Place">With what parameters and gradients.</param>
internal sealed record Finding(string Difference, string Place);
