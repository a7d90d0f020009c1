namespace OptimSharp;

/// <summary>Offload: parameters on a device, and what optimizers remember of them in host memory.</summary>
public static class Offload
{
    /// <summary>
    /// Has optimizers keep the state of parameters in host memory, in any <see cref="StatePrecision"/>, and update them there: in a step their gradients and values come over in blocks, and values go back. It frees
    /// the device's memory of the state, twice or more the parameters', for a step that takes as long as the copies. Parameters in host memory stay as they are.
    /// </summary>
    /// <param name="parameters">The parameters, before their optimizer's first step: it is for good. After <see cref="Optimizer.Rebind"/> it is so for those in their place.</param>
    /// <returns>The same parameters.</returns>
    /// <example><code>
    /// using var optimizer = new AdamW(model.Parameters().WithStateOnHost());
    /// </code></example>
    public static IReadOnlyList<TParameter> WithStateOnHost<TParameter>(this IEnumerable<TParameter> parameters) where TParameter : Parameter
    {
        ArgumentNullException.ThrowIfNull(parameters);
        TParameter[] all = [.. parameters];
        foreach (var parameter in all)
            ArgumentNullException.ThrowIfNull(parameter, nameof(parameters));
        foreach (var parameter in all)
            parameter.HasStateOnHost = true;
        return all;
    }
}
