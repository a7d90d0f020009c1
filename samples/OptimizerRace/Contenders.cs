using OptimSharp.Torch;

namespace OptimSharp.Samples;

/// <summary>One that takes part in the race.</summary>
/// <param name="Name">What table and pictures call it.</param>
/// <param name="Rate">Its documented default rate.</param>
/// <param name="Make">Makes it for the network's parameters, with its rates multiplied: one optimizer, or several that share the parameters.</param>
sealed record Contender(string Name, double Rate, Func<IReadOnlyList<TorchParameter>, double, Optimizer[]> Make)
{
    /// <summary>Whether the rate falls to 0 along a cosine: not for those that do without a schedule.</summary>
    public bool IsScheduled { get; init; } = true;

    /// <summary>Whether its step asks for gradients by itself, once or more often.</summary>
    public bool TakesClosure { get; init; }

    /// <summary>For one whose weights to be tested are others than those that it trains: makes them so, until the scope ends.</summary>
    public Func<Optimizer, IDisposable>? Testing { get; init; }
}

/// <summary>All that take part. Another one is a line more.</summary>
static class Contenders
{
    public static IReadOnlyList<Contender> All { get; } =
    [
        One<AdaBeliefOptions>((p, o) => new AdaBelief(p, o)),
        One<AdadeltaOptions>((p, o) => new Adadelta(p, o)),
        One<AdafactorOptions>((p, o) => new Adafactor(p, o)),
        One<AdagradOptions>((p, o) => new Adagrad(p, o)),
        One<AdamOptions>((p, o) => new Adam(p, o)),
        One<AdamaxOptions>((p, o) => new Adamax(p, o)),
        One<AdamWOptions>((p, o) => new AdamW(p, o)),
        One<AdamWOptions>((p, o) => new AdamW(p, o), o => o with { Mask = StepMask.Cautious }, "AdamW, cautious"),
        One<AdamWOptions>((p, o) => Ahead(new AdamW(p, o)), name: "AdamW, Lookahead"),
        One<AdamWOptions>((p, o) => new AdamW(p, o), o => o with { StatePrecision = StatePrecision.Dynamic8 }, "AdamW, 8 bits"),
        One<AdamWOptions>((p, o) => new AdamW(p, o), o => o with { StatePrecision = StatePrecision.Linear4 }, "AdamW, 4 bits"),
        ScheduleFree<AdamWScheduleFreeOptions>((p, o) => new AdamWScheduleFree(p, o)),
        One<AdanOptions>((p, o) => new Adan(p, o)),
        One<AdEMAMixOptions>((p, o) => new AdEMAMix(p, o)),
        One<ADOPTOptions>((p, o) => new ADOPT(p, o)),
        One<ASGDOptions>((p, o) => new ASGD(p, o)),
        One<DAdaptAdamOptions>((p, o) => new DAdaptAdam(p, o)),
        One<LAMBOptions>((p, o) => new LAMB(p, o)),
        One<LARSOptions>((p, o) => new LARS(p, o), o => o with { Momentum = 0.9, WeightDecay = 1e-4 }),
        One<LBFGSOptions>((p, o) => new LBFGS(p, o), o => o with { LineSearch = LineSearch.StrongWolfe }) with { TakesClosure = true },
        One<LionOptions>((p, o) => new Lion(p, o)),
        One<MARSOptions>((p, o) => new MARS(p, o)),
        WithAdamW<MuonOptions>((p, o) => new Muon(p, o), o => o with { Shape = MuonShape.Filters }),
        One<NAdamOptions>((p, o) => new NAdam(p, o)),
        WithAdamW<NorMuonOptions>((p, o) => new NorMuon(p, o), o => o with { Shape = MuonShape.Filters }),
        One<ProdigyOptions>((p, o) => new Prodigy(p, o)),
        One<RAdamOptions>((p, o) => new RAdam(p, o)),
        ScheduleFree<RAdamScheduleFreeOptions>((p, o) => new RAdamScheduleFree(p, o)),
        One<RMSpropOptions>((p, o) => new RMSprop(p, o)),
        One<RpropOptions>((p, o) => new Rprop(p, o)),
        One<SGDOptions>((p, o) => new SGD(p, o)),
        One<SGDOptions>((p, o) => new SGD(p, o), o => o with { Momentum = 0.9, Nesterov = true }, "SGD, momentum"),
        ScheduleFree<SGDScheduleFreeOptions>((p, o) => new SGDScheduleFree(p, o)),
        One<ShampooOptions>((p, o) => new Shampoo(p, o), o => o with { Betas = (0.9, 0.99), Grafting = ShampooGrafting.Adam, PreconditionFrequency = 10, TargetDimensions = 2 }),
        One<SOAPOptions>((p, o) => new SOAP(p, o)),
        One<StableAdamWOptions>((p, o) => new StableAdamW(p, o)),
    ];

    /// <summary>Optimizers of the library that have no line. SparseAdam takes sparse gradients alone, which this network has none of.</summary>
    public static IEnumerable<string> Missing =>
        typeof(Optimizer).Assembly.GetExportedTypes().Where(t => t.IsSubclassOf(typeof(Optimizer)) && !t.IsAbstract && t != typeof(SparseAdam) && t != typeof(CombinedOptimizer))
            .Select(t => t.Name).Where(name => All.All(c => c.Name != name));

    /// <summary>An optimizer for all parameters.</summary>
    static Contender One<TOptions>(Func<IReadOnlyList<Parameter>, TOptions, Optimizer> make, Func<TOptions, TOptions>? change = null, string? name = null) where TOptions : OptimizerOptions, new() =>
        new(name ?? NameOf<TOptions>(), new TOptions().LearningRate, (parameters, multiple) => [make(parameters, Multiplied(change, multiple))]);

    /// <summary>An optimizer for the hidden layers' matrices and filters, and AdamW for the rest: first and last layer, biases.</summary>
    static Contender WithAdamW<TOptions>(Func<IReadOnlyList<Parameter>, TOptions, Optimizer> make, Func<TOptions, TOptions>? change = null) where TOptions : OptimizerOptions, new() =>
        new(NameOf<TOptions>(), new TOptions().LearningRate, (parameters, multiple) =>
        [
            make([.. parameters.Where(p => ConvolutionalNetwork.HiddenMatrices.Contains(p.Name))], Multiplied(change, multiple)),
            new AdamW([.. parameters.Where(p => !ConvolutionalNetwork.HiddenMatrices.Contains(p.Name))], Multiplied<AdamWOptions>(null, multiple)),
        ]);

    /// <summary>One that averages instead of a schedule, and is tested at the average.</summary>
    static Contender ScheduleFree<TOptions>(Func<IReadOnlyList<Parameter>, TOptions, ScheduleFreeOptimizer<TOptions>> make) where TOptions : ScheduleFreeOptions, new() =>
        One<TOptions>(make) with { IsScheduled = false, Testing = optimizer => ((ScheduleFreeOptimizer<TOptions>)optimizer).EvalView() };

    static AdamW Ahead(AdamW optimizer)
    {
        _ = new Lookahead(optimizer, new() { Alpha = 0.5 }); // it lives as long as the optimizer, whose steps it follows
        return optimizer;
    }

    static TOptions Multiplied<TOptions>(Func<TOptions, TOptions>? change, double multiple) where TOptions : OptimizerOptions, new()
    {
        var options = new TOptions();
        options = (TOptions)(options with { LearningRate = options.LearningRate * multiple });
        return change?.Invoke(options) ?? options;
    }

    static string NameOf<TOptions>() => typeof(TOptions).Name[..^"Options".Length];
}
