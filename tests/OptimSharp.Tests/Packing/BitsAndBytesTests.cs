namespace OptimSharp.Tests.Packing;

/// <summary>Files of bitsandbytes' optimizers, made by bitsandbytes itself (tools/fixtures/make_bitsandbytes.py).</summary>
public class BitsAndBytesTests
{
    public static TheoryData<string> Kinds => ["AdamW8bit", "Lion8bit", "SGD8bit"];

    /// <summary>A run goes from bitsandbytes to us.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_run_of_bitsandbytes_is_gone_on_with(string kind)
    {
        var saved = LibraryRun.Load("bitsandbytes", kind);
        using var optimizer = Make(kind, saved.GetDict("parameters"));
        optimizer.LoadStateDict(saved.GetDict("optimizer"), Loading(kind));
        Assert.Equal(0.01, optimizer.ParameterGroups[0].LearningRate);
        var state = optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])!;
        string name = state.TensorKeys.First();
        Assert.Equal(ElementType.UInt8, state.TypeOf(name));
        var theirs = saved.GetDict("optimizer").GetDict("state").GetDict(0).GetDict("__bnb_optimizer_quant_state__");
        float[] values = ((TensorData)theirs["qmap1"]!).ToArray<float>(), scales = ((TensorData)theirs["absmax1"]!).ToArray<float>();
        Assert.Equal(((TensorData)theirs["state1"]!).ToArray<byte>().Select((code, i) => (double)(values[code] * scales[i / 256])), state.Tensor(name));

        foreach (var gradients in LibraryRun.Start.GetDicts("gradients").Skip(3))
            LibraryRun.Step(optimizer, gradients);
        LibraryRun.Compare(LibraryRun.Load("bitsandbytes", $"{kind}.after").GetDict("parameters"), optimizer);
    }

    /// <summary>A run goes from us to bitsandbytes, where there is one.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Bitsandbytes_goes_on_with_a_run_of_ours(string kind)
    {
        var start = LibraryRun.Start.GetDict("start");
        start.Remove("half");
        using var optimizer = Make(kind, start);
        var theirs = await LibraryRun.GoOn("bitsandbytes", kind, optimizer, BitsAndBytes.ToStateDict);
        optimizer.LoadStateDict(theirs, Loading(kind)); // and back
    }

    /// <summary>Its groups have options that rules lack, and those of SGD lack some that rules have.</summary>
    static LoadStateOptions Loading(string kind) => new() { Unexpected = UnexpectedState.Drop, Keep = kind == "SGD8bit" ? ["momentum", "dampening"] : [] };

    static Optimizer Make(string kind, StateDict parameters) => kind switch
    {
        "AdamW8bit" => new AdamW(LibraryRun.Parameters(parameters), new() { LearningRate = 1e-2, WeightDecay = 0.1, StatePrecision = StatePrecision.Dynamic8 }),
        "Lion8bit" => new Lion(LibraryRun.Parameters(parameters), new() { LearningRate = 1e-2, WeightDecay = 0.1, StatePrecision = StatePrecision.Dynamic8 }),
        _ => new SGD(LibraryRun.Parameters(parameters), new() { LearningRate = 1e-2, Momentum = 0.9, StatePrecision = StatePrecision.Dynamic8 }),
    };
}
