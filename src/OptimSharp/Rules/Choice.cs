namespace OptimSharp.Rules;

/// <summary>
/// A choice that is made when a rule is compiled, as <see cref="On"/> or <see cref="Off"/>, so that the other branch costs nothing and needs no state.
/// </summary>
public interface IChoice
{
    /// <summary>Which it is.</summary>
    static abstract bool IsOn { get; }
}

/// <summary>With it.</summary>
public readonly struct On : IChoice
{
    static bool IChoice.IsOn => true;
}

/// <summary>Without it.</summary>
public readonly struct Off : IChoice
{
    static bool IChoice.IsOn => false;
}
