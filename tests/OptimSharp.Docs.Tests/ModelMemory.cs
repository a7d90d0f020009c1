using System.Globalization;

namespace OptimSharp.Docs.Tests;

/// <summary>What optimizers take of the memory, of models that are not there: docs/memory.md.</summary>
static class ModelMemory
{
    static readonly StatePrecision[] Precisions = [StatePrecision.Compute, StatePrecision.BFloat16, StatePrecision.Dynamic8, StatePrecision.Linear4];

    /// <summary>GPT-2 of 124 million parameters, its output tied to its input.</summary>
    public static Parameter[] Gpt2() =>
    [
        Of("wte.weight", 50257, 768),
        Of("wpe.weight", 1024, 768),
        .. Enumerable.Range(0, 12).SelectMany(i => (Parameter[])
        [
            Of($"h.{i}.ln_1.weight", 768), Of($"h.{i}.ln_1.bias", 768),
            Of($"h.{i}.attn.c_attn.weight", 2304, 768), Of($"h.{i}.attn.c_attn.bias", 2304),
            Of($"h.{i}.attn.c_proj.weight", 768, 768), Of($"h.{i}.attn.c_proj.bias", 768),
            Of($"h.{i}.ln_2.weight", 768), Of($"h.{i}.ln_2.bias", 768),
            Of($"h.{i}.mlp.c_fc.weight", 3072, 768), Of($"h.{i}.mlp.c_fc.bias", 3072),
            Of($"h.{i}.mlp.c_proj.weight", 768, 3072), Of($"h.{i}.mlp.c_proj.bias", 768),
        ]),
        Of("ln_f.weight", 768), Of("ln_f.bias", 768),
    ];

    /// <summary>Llama 2 of 7 billion parameters, in bfloat16.</summary>
    public static Parameter[] Llama7B() =>
    [
        Half("embed_tokens.weight", 32000, 4096),
        .. Enumerable.Range(0, 32).SelectMany(i => (Parameter[])
        [
            .. ((string[])["q", "k", "v", "o"]).Select(name => Half($"layers.{i}.self_attn.{name}_proj.weight", 4096, 4096)),
            Half($"layers.{i}.mlp.gate_proj.weight", 11008, 4096), Half($"layers.{i}.mlp.up_proj.weight", 11008, 4096), Half($"layers.{i}.mlp.down_proj.weight", 4096, 11008),
            Half($"layers.{i}.input_layernorm.weight", 4096), Half($"layers.{i}.post_attention_layernorm.weight", 4096),
        ]),
        Half("norm.weight", 4096),
        Half("lm_head.weight", 32000, 4096),
    ];

    /// <summary>The report of one optimizer, as it is printed.</summary>
    public static string Report()
    {
        using var optimizer = new AdamW(Gpt2(), new() { StatePrecision = StatePrecision.Dynamic8 });
        return $"\n\n```text\n{optimizer.MemoryReport()}\n```\n\n";
    }

    /// <summary>Many optimizers, both models.</summary>
    public static string Table() => string.Concat(new (string Name, Func<Parameter[]> Make)[] { ("GPT-2, 124 M", Gpt2), ("Llama 2, 7 B", Llama7B) }.Select(model =>
    {
        var parameters = model.Make();
        using var any = new SGD(parameters);
        var sizes = any.MemoryReport();
        string[] lines =
        [
            $"{model.Name}: parameters {Size(sizes.ParameterBytes)} in {parameters[0].ElementType}, gradients as much. State:",
            "",
            $"| | {string.Join(" | ", Precisions.Select(p => $"`{p}`"))} |",
            $"|---|{string.Concat(Precisions.Select(_ => "---|"))}",
            .. Optimizers().Select(optimizer => $"| {optimizer.Name} | {string.Join(" | ", Precisions.Select(p => State(optimizer.Make, model.Make(), p)))} |"),
        ];
        return "\n\n" + string.Join('\n', lines);
    })) + "\n\n";

    static (string Name, Func<Parameter[], StatePrecision, Optimizer> Make)[] Optimizers() =>
    [
        ("AdamW", (all, p) => new AdamW(all, new() { StatePrecision = p })),
        ("AdamW, Schedule-Free", (all, p) => new AdamWScheduleFree(all, new() { StatePrecision = p })),
        ("AdEMAMix", (all, p) => new AdEMAMix(all, new() { StatePrecision = p })),
        ("Lion", (all, p) => new Lion(all, new() { StatePrecision = p })),
        ("SGD with momentum", (all, p) => new SGD(all, new() { Momentum = 0.9, StatePrecision = p })),
        ("Muon, AdamW for the rest", (all, p) => new CombinedOptimizer(new Muon(all.Where(IsHidden), new() { StatePrecision = p }), new AdamW(all.Where(x => !IsHidden(x)), new() { StatePrecision = p }))),
        ("SOAP", (all, p) => new SOAP(all, new() { StatePrecision = p })),
        ("Shampoo", (all, p) => new Shampoo(all, new() { StatePrecision = p })),
        ("Adafactor", (all, p) => new Adafactor(all, new() { StatePrecision = p })),
        ("L-BFGS, at most", (all, p) => new LBFGS(all)),
    ];

    static string State(Func<Parameter[], StatePrecision, Optimizer> make, Parameter[] parameters, StatePrecision precision)
    {
        using var optimizer = make(parameters, precision);
        return Size(optimizer.MemoryReport().StateBytes);
    }

    static bool IsHidden(Parameter parameter) => parameter.Shape.Length == 2 && (parameter.Name.StartsWith("h.", StringComparison.Ordinal) || parameter.Name.StartsWith("layers.", StringComparison.Ordinal));

    static Parameter Of(string name, params long[] shape) => Parameter.Meta(name, shape);

    static Parameter Half(string name, params long[] shape) => Parameter.Meta(name, shape, ElementType.BFloat16);

    static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{(bytes < 1 << 25 ? $"{bytes / (double)(1 << 20):N1} MiB" : $"{bytes / (double)(1 << 30):N2} GiB")}");
}
