namespace OptimSharp;

/// <summary>A scope in which an optimizer's parameters hold something else than what is trained, so that its steps and its state are refused.</summary>
internal sealed class HeldScope : IDisposable
{
    readonly Optimizer optimizer;
    readonly Action putBack;
    bool closed;

    /// <param name="optimizer">The optimizer.</param>
    /// <param name="scope">What messages say, as "within …".</param>
    /// <param name="putBack">Puts back what is trained.</param>
    public HeldScope(Optimizer optimizer, string scope, Action putBack)
    {
        (this.optimizer, this.putBack) = (optimizer, putBack);
        optimizer.Held = scope;
    }

    public void Dispose()
    {
        if (closed)
            return;
        closed = true;
        try
        {
            putBack();
        }
        finally
        {
            optimizer.Held = null;
        }
    }
}
