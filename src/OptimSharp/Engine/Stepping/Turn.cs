namespace OptimSharp.Engine;

/// <summary>Where a call is when it calls code of the user's: what that may do.</summary>
[Flags]
internal enum Stage
{
    /// <summary>Memory is in use: nothing of the user's runs, or what runs must not come back.</summary>
    Working = 1,

    /// <summary>Before the work, with nothing opened yet.</summary>
    Before = 2,

    /// <summary>In the midst of it, where a function of the user's computes something: gradients, an average.</summary>
    Evaluating = 4,

    /// <summary>After the work, with nothing open any more.</summary>
    After = 8,
}

/// <summary>
/// Lets one thread at a time into an object that owns native memory, and only in ways that leave the memory to whoever is using it. A call that
/// must not be is refused by its name; a <see cref="Dispose"/> from within another call of the same thread waits for the end of that.
/// </summary>
/// <param name="owner">The object.</param>
/// <param name="name">What messages call it.</param>
/// <param name="free">Frees its memory.</param>
internal sealed class Turn(object owner, string name, Action free)
{
    readonly Action free = free;
    int thread; // the managed thread that is inside; 0 for none
    string call = "";
    Stage stage;
    volatile bool disposed;

    /// <summary>Throws when the object was disposed. To be asked again after each call of code of the user's.</summary>
    public void Check() => ObjectDisposedException.ThrowIf(disposed, Owner);

    /// <summary>The object that the user sees as disposed.</summary>
    public object Owner { get; set; } = owner;

    /// <summary>Whether the object was disposed. In the midst of a call it may still have its memory.</summary>
    public bool IsDisposed => disposed;

    /// <summary>Enters, until the result is disposed.</summary>
    /// <param name="call">What is called.</param>
    /// <param name="within">The stages of a call under way, by the same thread, in which this one does no harm.</param>
    /// <param name="stage">This call's stage.</param>
    /// <exception cref="ObjectDisposedException">The object was disposed.</exception>
    /// <exception cref="InvalidOperationException">Another thread is inside, or this one at a stage that does not allow it.</exception>
    public Inside Enter(string call, Stage within, Stage stage = Stage.Working)
    {
        Check();
        var before = new Inside(this, this.call, this.stage, Take(call));
        if (disposed && before.IsOutermost) // by another thread, meanwhile
        {
            Volatile.Write(ref thread, 0);
            Check();
        }
        if (!before.IsOutermost && (this.stage & within) == 0)
            throw new InvalidOperationException($"{call} was called from within {this.call}, which is not done: {name} can't be changed there.");
        (this.call, this.stage) = (call, stage);
        return before;
    }

    /// <summary>Goes on to another stage of the same call.</summary>
    public void GoTo(Stage stage) => this.stage = stage;

    /// <summary>Frees the object's memory: now, or at the end of the call that this thread is in.</summary>
    /// <exception cref="InvalidOperationException">Another thread is inside.</exception>
    public void Dispose()
    {
        if (disposed)
            return;
        bool outermost = Take("Dispose");
        disposed = true;
        if (!outermost)
            return;
        free();
        Volatile.Write(ref thread, 0);
    }

    /// <summary>Whether nobody was inside, so that this call is the outermost.</summary>
    bool Take(string call)
    {
        int own = Environment.CurrentManagedThreadId, other = Interlocked.CompareExchange(ref thread, own, 0);
        return other == 0 || (other == own ? false : throw new InvalidOperationException(
            $"{call} was called while another thread is in {this.call}: {name} is not for use by several threads at once."));
    }

    /// <summary>A call under way, and what was before it.</summary>
    public readonly struct Inside(Turn turn, string call, Stage stage, bool isOutermost) : IDisposable
    {
        /// <summary>Whether the call is not within another one.</summary>
        public bool IsOutermost { get; } = isOutermost;

        /// <summary>Leaves; after the outermost call what was disposed within it is freed.</summary>
        public void Dispose()
        {
            (turn.call, turn.stage) = (call, stage);
            if (!IsOutermost)
                return;
            try
            {
                if (turn.disposed)
                    turn.free();
            }
            finally
            {
                Volatile.Write(ref turn.thread, 0);
            }
        }
    }
}
