using System.Globalization;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// Scales the loss, so that small gradients don't vanish in half precision, and the gradients back; leaves out steps whose gradients
/// overflowed; and finds the scale by itself: lower after an overflow, higher after a long time without. PyTorch's
/// <c>torch.amp.GradScaler</c>.
/// </summary>
/// <remarks>
/// <para>
/// For each batch: <c>backward</c> of <see cref="Scale(double)"/>d loss; then, where gradients are to be clipped, <see cref="Unscale"/> and
/// the clipping; then <see cref="Step"/> for each optimizer and one <see cref="Update"/>. <see cref="TrainingStep"/> does all but the
/// first in one pass.
/// </para>
/// <para>
/// Follows PyTorch 2.14: the scale is a single-precision number and never grows to infinity. Where PyTorch differs: gradients count as overflown
/// when they are not finite after unscaling, too; a lowered <see cref="GrowthInterval"/> that has passed already acts at the next update.
/// Not for use by several threads at once.
/// </para>
/// </remarks>
public sealed class GradScaler : IStateful
{
    enum Stage
    {
        Ready,
        Unscaled,
        Stepped,
    }

    readonly record struct Progress(Stage Stage, bool Overflown);

    readonly Dictionary<Optimizer, Progress> progress = []; // since the last update, of those that had a gradient
    float scale;
    double growthFactor, backoffFactor;
    long growthInterval, steps; // steps without overflow since the scale was changed

    /// <param name="initialScale">The scale to start with, &gt; 0. Default 65536.</param>
    /// <param name="growthFactor">What the scale is multiplied by after <paramref name="growthInterval"/> steps without overflow, &gt; 1. Default 2.</param>
    /// <param name="backoffFactor">What the scale is multiplied by after an overflow, in (0, 1). Default 0.5.</param>
    /// <param name="growthInterval">The steps without overflow after which the scale grows, ≥ 1. Default 2000.</param>
    /// <param name="enabled">false: scales nothing and leaves out no step, so that one program can train with and without. Default true.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public GradScaler(double initialScale = 65536, double growthFactor = 2, double backoffFactor = 0.5, long growthInterval = 2000, bool enabled = true)
    {
        IsEnabled = enabled;
        scale = CheckedScale(initialScale, nameof(initialScale));
        this.growthFactor = Checked(growthFactor, above: 1, double.PositiveInfinity, nameof(growthFactor));
        this.backoffFactor = Checked(backoffFactor, above: 0, below: 1, nameof(backoffFactor));
        this.growthInterval = CheckedInterval(growthInterval, nameof(growthInterval));
    }

    /// <summary>Whether it does anything.</summary>
    public bool IsEnabled { get; }

    /// <summary>The scale now; 1 when disabled. PyTorch's <c>get_scale()</c>.</summary>
    public double CurrentScale => IsEnabled ? scale : 1;

    /// <summary>What the scale is multiplied by after <see cref="GrowthInterval"/> steps without overflow, &gt; 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The factor is out of range.</exception>
    public double GrowthFactor
    {
        get => growthFactor;
        set => growthFactor = Checked(value, above: 1, double.PositiveInfinity, nameof(GrowthFactor));
    }

    /// <summary>What the scale is multiplied by after an overflow, in (0, 1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The factor is out of range.</exception>
    public double BackoffFactor
    {
        get => backoffFactor;
        set => backoffFactor = Checked(value, above: 0, below: 1, nameof(BackoffFactor));
    }

    /// <summary>The steps without overflow after which the scale grows, ≥ 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The interval is below 1.</exception>
    public long GrowthInterval
    {
        get => growthInterval;
        set => growthInterval = CheckedInterval(value, nameof(GrowthInterval));
    }

    /// <summary>A loss, scaled. For a TorchSharp tensor: <c>scaler.Scale(loss).backward()</c>, of package OptimSharp.Torch.</summary>
    public double Scale(double loss) => loss * CurrentScale;

    /// <summary>
    /// Divides the gradients of an optimizer's parameters by the scale, in place, so that they can be clipped or looked at before
    /// <see cref="Step"/>, which does it otherwise. Once per optimizer and update, when the gradients of all micro-batches are added up. Without any gradient it does
    /// nothing, and does not count.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The optimizer was unscaled or stepped since the last update; or a gradient is of type Float16, where unscaled numbers vanish, or
    /// does not fit its parameter, or can't be written to. Or another thread is using the optimizer. Nothing was changed.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Unscale(Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        optimizer.Turn.Check();
        if (!IsEnabled)
            return;
        using var turn = optimizer.UseGradients("GradScaler.Unscale");
        var change = UnscalingOf(optimizer, "Unscale");
        var pass = GradientPass.Open(optimizer, GradientUse.Write);
        try
        {
            if (pass.IsEmpty)
                return;
            if (pass.FindHalf() is { } half)
                throw new InvalidOperationException(HalfGradient(half));
            bool overflown = !double.IsFinite(pass.Norm(NormOrder.Infinity, change));
            pass.Change(change, keeps: true);
            progress[optimizer] = new(Stage.Unscaled, overflown);
        }
        finally
        {
            pass.Close();
        }
    }

    /// <summary>
    /// Unscales the gradients, unless <see cref="Unscale"/> did; then takes the optimizer's step, if all gradients are finite numbers.
    /// </summary>
    /// <returns>Whether the step was taken.</returns>
    /// <exception cref="InvalidOperationException">The optimizer was stepped since the last update; or no parameter has a gradient; or as in <see cref="Unscale"/>.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public bool Step(Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        optimizer.Turn.Check();
        if (!IsEnabled)
        {
            optimizer.Step();
            return true;
        }
        if (StateOf(optimizer, "Step").Stage == Stage.Ready)
            Unscale(optimizer);
        if (!progress.TryGetValue(optimizer, out var state))
            throw NoGradient();
        if (!state.Overflown)
            optimizer.Step();
        else
            optimizer.HasStepped = true; // so that a scheduler that is stepped next does not warn
        progress[optimizer] = state with { Stage = Stage.Stepped };
        return !state.Overflown;
    }

    /// <summary>Finds the next scale: lower when a gradient overflowed since the last update, else higher, once there were enough steps without. Call it once after all steps of a batch.</summary>
    /// <param name="newScale">A scale of your own instead, &gt; 0.</param>
    /// <exception cref="InvalidOperationException">There was no <see cref="Unscale"/> or <see cref="Step"/> since the last update.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The new scale is out of range.</exception>
    public void Update(double? newScale = null)
    {
        if (!IsEnabled)
            return;
        if (newScale is { } given)
        {
            scale = CheckedScale(given, nameof(newScale));
            progress.Clear();
            return;
        }
        if (progress.Count == 0)
            throw new InvalidOperationException("Update follows Step or Unscale with a gradient, but there was none since the last update.");
        bool overflown = false;
        foreach (var (_, state) in progress)
            overflown |= state.Overflown;
        if (overflown)
        {
            scale = Math.Max((float)(scale * backoffFactor), float.Epsilon);
            steps = 0;
        }
        else if (++steps >= growthInterval)
        {
            float grown = (float)(scale * growthFactor);
            if (float.IsFinite(grown))
                scale = grown;
            steps = 0;
        }
        progress.Clear();
    }

    /// <summary>A copy of the state, with PyTorch's keys; empty when disabled. To be taken after <see cref="Update"/>.</summary>
    public StateDict StateDict() => !IsEnabled ? [] : new()
    {
        { "scale", scale },
        { "growth_factor", growthFactor },
        { "backoff_factor", backoffFactor },
        { "growth_interval", growthInterval },
        { "_growth_tracker", steps },
    };

    /// <summary>Takes a state over; does nothing when disabled.</summary>
    /// <exception cref="StateDictException">Something is missing or out of range: the state of a disabled scaler is empty. Nothing was changed.</exception>
    public void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!IsEnabled)
            return;
        float readScale = Read("scale", key => CheckedScale(state.GetDouble(key), key));
        double growth = Read("growth_factor", key => Checked(state.GetDouble(key), above: 1, double.PositiveInfinity, key));
        double backoff = Read("backoff_factor", key => Checked(state.GetDouble(key), above: 0, below: 1, key));
        long interval = Read("growth_interval", key => CheckedInterval(state.GetInt64(key), key));
        long tracker = Read("_growth_tracker", key => state.GetInt64(key));
        if (tracker < 0)
            throw state.Wrong("_growth_tracker", tracker, "a whole number ≥ 0");
        (scale, growthFactor, backoffFactor, growthInterval, steps) = (readScale, growth, backoff, interval, tracker);
        progress.Clear();

        T Read<T>(string key, Func<string, T> read)
        {
            try
            {
                return read(key);
            }
            catch (ArgumentOutOfRangeException e)
            {
                throw new StateDictException(key, $"can't be loaded: {e.Message.Split(" (Parameter '")[0].TrimEnd('.')}");
            }
        }
    }

    /// <summary>Scale and growth.</summary>
    public override string ToString() => !IsEnabled ? "GradScaler (disabled)"
        : string.Create(CultureInfo.InvariantCulture, $"GradScaler (scale {scale}, {steps} of {growthInterval} steps to the next growth)");

    /// <summary>What turns the optimizer's gradients into unscaled ones: nothing, once they are.</summary>
    internal GradientChange UnscalingOf(Optimizer optimizer, string method)
    {
        if (!IsEnabled)
            return GradientChange.None;
        var stage = StateOf(optimizer, method).Stage;
        if (method == "Unscale" && stage == Stage.Unscaled)
            throw new InvalidOperationException("The optimizer's gradients were unscaled already since the last update. Call Unscale once, when the gradients of all micro-batches are added up.");
        return stage == Stage.Unscaled ? GradientChange.None : new() { Unscale = (float)(1.0 / scale) };
    }

    /// <summary>Takes down the outcome of a step within a pass of its own.</summary>
    internal void Record(Optimizer optimizer, bool overflown) => progress[optimizer] = new(Stage.Stepped, overflown);

    /// <summary>Whether a gradient of the optimizer overflowed when it was unscaled by itself.</summary>
    internal bool IsOverflown(Optimizer optimizer) => progress.GetValueOrDefault(optimizer).Overflown;

    internal static InvalidOperationException NoGradient() => new("No parameter of the optimizer has a gradient: call backward() on the scaled loss first.");

    internal static string HalfGradient(Parameter parameter) =>
        $"The gradient of parameter {parameter} is of type Float16, in which unscaled numbers vanish. Keep parameters in Float32 (or BFloat16) and compute in half precision where the model runs.";

    Progress StateOf(Optimizer optimizer, string method)
    {
        if (optimizer.CombinedIn is { } combined && progress.ContainsKey(combined))
            throw Twice(combined);
        foreach (var part in optimizer.Parts)
        {
            if (part != optimizer && progress.ContainsKey(part))
                throw Twice(part);
        }
        var state = progress.GetValueOrDefault(optimizer);
        return state.Stage != Stage.Stepped ? state
            : throw new InvalidOperationException($"{method} was called for an optimizer that was stepped since the last update. Call Update after each batch's steps.");
    }

    static InvalidOperationException Twice(Optimizer other) =>
        new($"{other.GetType().Name}, which has the same gradients, was unscaled or stepped since the last update: give the scaler the combined optimizer, or each of its optimizers, but not both.");

    static float CheckedScale(double value, string name) => (float)value > 0 && float.IsFinite((float)value) ? (float)value
        : throw OutOfRange(name, value, "> 0 and finite, in single precision");

    static double Checked(double value, double above, double below, string name) => value > above && value < below ? value
        : throw OutOfRange(name, value, double.IsInfinity(below) ? $"> {above} and finite" : $"in ({above}, {below})");

    static long CheckedInterval(long value, string name) => value >= 1 ? value : throw OutOfRange(name, value, "≥ 1");

    static ArgumentOutOfRangeException OutOfRange(string name, double value, string range) =>
        new(name, value, string.Create(CultureInfo.InvariantCulture, $"{name} must be {range}, but is {value}."));
}
