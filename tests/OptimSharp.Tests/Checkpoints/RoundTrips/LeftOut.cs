namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>Round trips that PyTorch before 2.0 can't do; tools/roundtrip/README.md lists them.</summary>
static class LeftOut
{
    /// <summary>From this version on PyTorch has every class and option that we have.</summary>
    public static readonly Version Complete = new(2, 14);

    static readonly (Func<RoundTripCase, bool> Is, string Reason)[] Before2 =
    [
        (one => one.Of == "NAdam", "its momentum schedule is wrong"),
        (Uses("CyclicLR"), "it can't be saved: it holds a weak reference"),
        (Uses("OneCycleLR"), "its state holds functions, which are refused"),
        (Uses("SWALR"), "its state holds functions, which are refused"),
        (Uses("ChainedScheduler"), "it takes no optimizer"),
        (one => one.Name == "sequentiallr_milestone_0", "its first scheduler makes a step too many"),
        (one => one is AveragingRoundTrip && !one.Json["use_buffers"]!.GetValue<bool>(), "buffers that are not averaged are not copied"),
        (one => one is AveragingRoundTrip && one.Name.Contains("_ema", StringComparison.Ordinal) && one.Name.EndsWith("bf16", StringComparison.Ordinal), "it has no moving average, and the usual function rounds three times"),
    ];

    /// <summary>Why a case is left out with a version; null when it isn't.</summary>
    public static string? Reason(RoundTripCase one, Version version) => version.Major < 2 ? Before2.FirstOrDefault(x => x.Is(one)).Reason : null;

    static Func<RoundTripCase, bool> Uses(string scheduler) => one => one is SchedulerRoundTrip && one.Json["scheduler"]!.ToJsonString().Contains($"\"{scheduler}\"", StringComparison.Ordinal);
}
