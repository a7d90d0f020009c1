namespace OptimSharp.Tests.Options;

/// <summary>
/// The options of PyTorch 2.14's optimizers, by their documentation: all arguments of the constructors but those that choose an
/// implementation (foreach, fused, capturable, differentiable).
/// </summary>
static class PyTorchOptions
{
    public static IReadOnlyDictionary<string, string[]> Of { get; } = new Dictionary<string, string[]>
    {
        ["Adadelta"] = ["lr", "rho", "eps", "weight_decay", "maximize"],
        ["Adafactor"] = ["lr", "beta2_decay", "eps", "d", "weight_decay", "maximize"],
        ["Adagrad"] = ["lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps", "maximize"],
        ["Adam"] = ["lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay"],
        ["AdamW"] = ["lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "decoupled_weight_decay"],
        ["Adamax"] = ["lr", "betas", "eps", "weight_decay", "maximize"],
        ["ASGD"] = ["lr", "lambd", "alpha", "t0", "weight_decay", "maximize"],
        ["LBFGS"] = ["lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "line_search_fn", "maximize"],
        ["Muon"] = ["lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps", "ns_steps", "adjust_lr_fn"],
        ["NAdam"] = ["lr", "betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay", "maximize"],
        ["RAdam"] = ["lr", "betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize"],
        ["RMSprop"] = ["lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"],
        ["Rprop"] = ["lr", "etas", "step_sizes", "maximize"],
        ["SGD"] = ["lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"],
        ["SparseAdam"] = ["lr", "betas", "eps", "maximize"],
    };

    /// <summary>What ours have beside them: a state that PyTorch is to read has none of them.</summary>
    public static IReadOnlyDictionary<string, string[]> Beyond { get; } = new Dictionary<string, string[]>
    {
        ["Adam"] = ["caution"],
        ["AdamW"] = ["caution"],
        ["Adamax"] = ["caution"],
        ["Muon"] = ["matrix_shape", "ns_float32", "ns_schedule", "split_sizes"],
        ["NAdam"] = ["caution"],
        ["RAdam"] = ["caution"],
    };

    /// <summary>Their defaults, where they are numbers or flags.</summary>
    public static IReadOnlyDictionary<string, object> Default(string optimizer) => new Dictionary<string, object>
    {
        ["lr"] = optimizer switch { "Adadelta" or "LBFGS" => 1.0, "Adafactor" or "Adagrad" or "ASGD" or "RMSprop" or "Rprop" => 1e-2, "Adamax" or "NAdam" => 2e-3, _ => 1e-3 },
        ["betas"] = new object[] { 0.9, 0.999 },
        ["eps"] = optimizer switch { "Adadelta" => 1e-6, "Adagrad" => 1e-10, "Muon" => 1e-7, "Adafactor" => new object?[] { null, 1e-3 }, _ => 1e-8 },
        ["weight_decay"] = optimizer switch { "AdamW" => 1e-2, "Muon" => 0.1, _ => 0.0 },
        ["momentum"] = optimizer == "Muon" ? 0.95 : 0.0,
        ["dampening"] = 0.0,
        ["nesterov"] = optimizer == "Muon",
        ["maximize"] = false,
        ["amsgrad"] = false,
        ["decoupled_weight_decay"] = optimizer == "AdamW",
        ["rho"] = 0.9,
        ["beta2_decay"] = -0.8,
        ["d"] = 1.0,
        ["lr_decay"] = 0.0,
        ["initial_accumulator_value"] = 0.0,
        ["lambd"] = 1e-4,
        ["alpha"] = optimizer == "ASGD" ? 0.75 : 0.99,
        ["t0"] = 1e6,
        ["max_iter"] = 20,
        ["tolerance_grad"] = 1e-7,
        ["tolerance_change"] = 1e-9,
        ["history_size"] = 100,
        ["ns_coefficients"] = new object[] { 3.4445, -4.775, 2.0315 },
        ["ns_steps"] = 5,
        ["adjust_lr_fn"] = "original", // what None, its default there, stands for
        ["momentum_decay"] = 4e-3,
        ["centered"] = false,
        ["etas"] = new object[] { 0.5, 1.2 },
        ["step_sizes"] = new object[] { 1e-6, 50.0 },
    };
}
