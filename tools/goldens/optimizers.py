"""The optimizers, one entry each: add one here and `generate.py` makes its cases."""
from dataclasses import dataclass, field

REAL = ("f64", "f32", "bf16", "f16")
COMPLEX = ("c64", "c128")
MIXED = ([], [1], [7], [3, 3], [2, 4])
ADAM_HALF = {"f16": {"eps": 0.1}}  # 1e-8 is zero in float16


@dataclass(frozen=True)
class Optimizer:
    name: str                       # the class
    sets: dict                      # option sets by name; each runs in every type
    usual: dict                     # the options of all other cases
    groups: tuple                   # what the second and third group override
    changes: tuple                  # (step, group, options): what "set" changes on the way
    dtypes: tuple = REAL + COMPLEX
    shapes: tuple = MIXED           # of the option sets' parameters
    sizes: tuple = ([], [0], [1], [7], [8], [9], [63], [64], [65])
    large: tuple = ([1000],)
    large_dtypes: tuple = ("f32",)
    batches: tuple = ()             # shapes of more than two dimensions, for rules that look at their last two
    least_steps: int = 1            # where a rule changes on the way
    by_dtype: dict = field(default_factory=dict)   # options every case of a type needs
    without: tuple = ()             # (case, type) that PyTorch itself does wrong, or that hangs on how it rounds
    sparse: dict = field(default_factory=dict)     # option sets for sparse gradients among dense ones
    started: dict = field(default_factory=dict)    # option sets of cases that begin with a state: where the first steps are open
    started_shapes: tuple = ()
    started_after: int = 10         # steps that make the state
    half_dimensions: int = 16       # parameters of more are left out in half types
    magnitude_steps: int = 5
    overflows: tuple = ()  # types in which the square of 1e30 is infinite and spoils the step: leave it out
    special: dict = field(default_factory=dict)    # options of other cases that the usual ones do not suit, by name
    dense: bool = True              # false: it takes sparse gradients only
    variant: str = ""               # which further code of references.py it is run with, when its class has more than one

    @property
    def reference(self):
        """Where its code stands in references.py."""
        return f"{self.name}/{self.variant}" if self.variant else self.name

    def case(self, scenario, dtype):
        """The name of a case."""
        return f"{self.name.lower()}/{self.variant + '_' if self.variant else ''}{scenario}_{dtype}"


OPTIMIZERS = (
    Optimizer(
        "SGD",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.5},
            "momentum": {"lr": 0.1, "momentum": 0.9},
            "dampening": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
            "momentum_wd": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
            "nesterov_wd": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
            "maximize_wd": {"lr": 0.1, "maximize": True, "weight_decay": 0.1},
            "maximize_momentum_dampening_wd": {"lr": 0.05, "maximize": True, "momentum": 0.5, "dampening": -0.25, "weight_decay": 0.1},
            "dampening_without_momentum": {"lr": 0.1, "dampening": 0.5},
        },
        usual={"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        groups=({"lr": 0.01, "nesterov": True}, {"momentum": 0, "weight_decay": 0.5, "maximize": True}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"momentum": 0.9}), (5, 0, {"weight_decay": 0.25, "momentum": 0.5}),
                 (6, 1, {"nesterov": True, "maximize": True}), (8, 0, {"momentum": 0}), (9, 0, {"momentum": 0.7, "dampening": 0.3})),
        large_dtypes=REAL,
        sparse={"sparse": {"lr": 0.1}, "sparse_maximize": {"lr": 0.1, "maximize": True}},
    ),
    Optimizer(
        "Adam",
        sets=(adam := {
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "amsgrad_wd": {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
            "amsgrad_maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True, "maximize": True},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "amsgrad_betas": {"lr": 0.05, "betas": [0.2, 0.3], "amsgrad": True},
            "no_momentum": {"lr": 0.05, "betas": [0.0, 0.9]},
            "eps": {"lr": 0.05, "eps": 0.5},
        }) | {"decoupled": {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
              "decoupled_amsgrad_maximize": {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "amsgrad": True, "maximize": True}},
        usual={"lr": 0.05, "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0.5, "amsgrad": True, "maximize": True}),
        changes=(adam_changes := (
            (2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.01, "maximize": True}),
            (8, 0, {"betas": [0.95, 0.98], "lr": 0.1}), (9, 1, {"betas": [0.0, 0.9]}))),
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "AdamW",
        sets=adam | {"no_wd": {"lr": 0.1, "weight_decay": 0}},
        usual={"lr": 0.05, "weight_decay": 0.1},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0, "amsgrad": True, "maximize": True}),
        changes=adam_changes,
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "Adadelta",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"weight_decay": 0.1},
            "maximize": {"maximize": True},
            "maximize_wd": {"weight_decay": 0.1, "maximize": True},
            "rho_wd": {"rho": 0.95, "weight_decay": 0.9},
            "eps": {"lr": 0.5, "rho": 0.5, "eps": 0.01},
        },
        usual={"lr": 0.5, "rho": 0.8, "eps": 0.01, "weight_decay": 0.01},
        groups=({"lr": 0.1, "rho": 0.95}, {"weight_decay": 0.5, "maximize": True, "eps": 0.1}),
        changes=((2, 0, {"lr": 0.2}), (3, 1, {"rho": 0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.1, "maximize": True}),
                 (8, 0, {"rho": 0.95, "lr": 1.0})),
        by_dtype={"f16": {"eps": 0.1}},
    ),
    Optimizer(
        "Adafactor",
        sets={
            "default": {},
            "lr_wd": {"lr": 0.01, "weight_decay": 0.1},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "beta2_decay": {"lr": 0.1, "beta2_decay": -1.0},
            "d": {"lr": 0.1, "d": 1.5},
            "d_beta2_decay_wd": {"lr": 0.1, "d": 1.5, "beta2_decay": -0.5, "weight_decay": 0.1},
            "eps": {"lr": 0.1, "eps": [0.1, 0.01]},
            "large_eps2": {"lr": 0.1, "eps": [None, 5.0]},
            "capped_lr": {"lr": 0.6, "d": 2.0},
        },
        usual={"lr": 0.1, "weight_decay": 0.01},
        groups=({"lr": 0.01, "d": 2.0}, {"weight_decay": 0.5, "maximize": True, "beta2_decay": -1.0}),
        changes=((2, 0, {"lr": 0.2}), (3, 1, {"beta2_decay": -0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"d": 2.0, "maximize": True}),
                 (8, 0, {"eps": [0.01, 0.1]})),
        dtypes=REAL,
        shapes=([], [1], [7], [3, 3], [2, 4], [2, 3, 2]),
        sizes=([], [1], [7], [8], [9], [63], [64], [65], [9, 7], [8, 8], [1, 5], [5, 1]),
        large=([1000], [25, 40]),
        batches=([8, 4, 3, 3], [3, 2, 1, 1], [2, 16, 16], [2, 1, 5, 7]),
        overflows=("f32",),
    ),
    Optimizer(
        "Adagrad",
        sets={
            "default": {},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "lr": {"lr": 0.1},
            "initial_accumulator_value_wd": {"lr": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.1},
            "lr_decay_wd": {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.1},
            "eps": {"lr": 0.1, "eps": 0.5, "lr_decay": 0.1},
        },
        usual={"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.01},
        groups=({"lr": 0.01, "lr_decay": 0.5}, {"weight_decay": 0.5, "maximize": True, "eps": 0.1}),
        changes=((2, 0, {"lr": 0.2}), (3, 1, {"lr_decay": 0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.1, "maximize": True}),
                 (8, 0, {"lr_decay": 0, "lr": 0.05})),
        by_dtype=ADAM_HALF,
        sparse={"sparse": {"lr": 0.1}, "sparse_lr_decay_initial": {"lr": 0.1, "lr_decay": 0.5, "initial_accumulator_value": 0.1},
                "sparse_maximize": {"lr": 0.1, "maximize": True, "eps": 0.1}},
    ),
    Optimizer(
        "Adamax",
        sets={
            "default": {},
            "lr": {"lr": 0.1},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "maximize": {"lr": 0.1, "maximize": True},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "eps": {"lr": 0.05, "eps": 0.5},
        },
        usual={"lr": 0.05, "weight_decay": 0.01, "betas": [0.9, 0.9]},
        groups=({"lr": 0.01, "betas": [0.8, 0.99]}, {"weight_decay": 0.5, "maximize": True, "eps": 0.1}),
        changes=adam_changes,
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "ASGD",
        sets={
            "default": {},
            "lambd": {"lambd": 0.1},
            "lr": {"lr": 0.02},
            "t0": {"lr": 0.1, "t0": 100},
            "averaging": {"lr": 0.1, "t0": 2, "lambd": 0.1, "alpha": 0.5},
            "maximize": {"lr": 0.1, "maximize": True},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "t0": 1},
        },
        usual={"lr": 0.1, "lambd": 0.1, "t0": 3, "weight_decay": 0.01},
        groups=({"lr": 0.01, "t0": 1}, {"weight_decay": 0.5, "maximize": True, "alpha": 0.25}),
        changes=((2, 0, {"lr": 0.2}), (3, 1, {"lambd": 0.01, "t0": 5}), (5, 0, {"weight_decay": 0.25}),
                 (6, 1, {"alpha": 1.0, "maximize": True}), (8, 0, {"lr": 0.05, "lambd": 0.2})),
    ),
    Optimizer(
        "NAdam",
        sets={
            "default": {},
            "lr": {"lr": 0.1},
            "momentum_decay": {"lr": 0.1, "momentum_decay": 0.006},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "wd_momentum_decay": {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.006},
            "decoupled": {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.006, "decoupled_weight_decay": True},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75], "momentum_decay": 0.5},
        },
        usual={"lr": 0.05, "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0.5, "maximize": True, "decoupled_weight_decay": True}),
        changes=adam_changes + ((7, 0, {"momentum_decay": 0.1, "decoupled_weight_decay": True}),),
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "RAdam",
        sets={
            "default": {},
            "lr": {"lr": 0.002},
            "eps": {"lr": 0.1, "eps": 1e-6},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "decoupled": {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "betas": {"lr": 0.05, "betas": [0.5, 0.9]},
            "never_rectified": {"lr": 0.05, "betas": [0.9, 0.5]},
            "long_memory": {"lr": 0.1, "betas": [0.9, 0.9999]},  # its rectification magnifies the last bit of the power
        },
        usual={"lr": 0.05, "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.99]}, {"weight_decay": 0.5, "maximize": True, "decoupled_weight_decay": True}),
        changes=adam_changes + ((7, 0, {"decoupled_weight_decay": True}),),
        by_dtype=ADAM_HALF,
        least_steps=7,
    ),
    Optimizer(
        "RMSprop",
        sets={
            "default": {},
            "lr": {"lr": 0.001},
            "wd": {"weight_decay": 0.1},
            "maximize": {"maximize": True},
            "maximize_wd": {"weight_decay": 0.1, "maximize": True},
            "centered_wd": {"weight_decay": 0.1, "centered": True},
            "centered_momentum_wd": {"weight_decay": 0.1, "centered": True, "momentum": 0.1},
            "centered_momentum_maximize_wd": {"weight_decay": 0.1, "centered": True, "momentum": 0.1, "maximize": True},
            "momentum": {"lr": 0.05, "momentum": 0.9, "alpha": 0.9},
            "alpha_eps": {"lr": 0.05, "alpha": 0.5, "eps": 0.1},
        },
        usual={"lr": 0.05, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.01},
        groups=({"lr": 0.01, "momentum": 0, "centered": True}, {"weight_decay": 0.5, "maximize": True, "alpha": 0.5}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"momentum": 0.9}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.1, "maximize": True}),
                 (8, 0, {"alpha": 0.5, "momentum": 0}), (9, 0, {"momentum": 0.3})),
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "Rprop",
        sets={
            "default": {},
            "lr": {"lr": 2e-4},
            "etas": {"lr": 0.1, "etas": [0.5, 1.5]},
            "step_sizes": {"lr": 0.1, "step_sizes": [2e-6, 100]},
            "clamped": {"lr": 0.1, "etas": [0.25, 2.0], "step_sizes": [0.04, 0.3]},
            "maximize": {"lr": 0.1, "maximize": True},
        },
        usual={"lr": 0.1, "etas": [0.4, 1.3]},
        groups=({"lr": 0.01, "etas": [0.5, 1.5]}, {"maximize": True, "step_sizes": [0.05, 0.2]}),
        changes=((2, 0, {"lr": 0.5}), (3, 1, {"etas": [0.25, 1.1]}), (5, 0, {"step_sizes": [0.02, 0.15]}), (6, 1, {"maximize": True})),
    ),
    Optimizer(
        "SparseAdam",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "maximize": {"lr": 0.1, "maximize": True},
            "eps": {"lr": 0.05, "eps": 0.5},
        },
        usual={"lr": 0.05},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"maximize": True, "eps": 0.01}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (6, 1, {"eps": 0.01, "maximize": True}), (8, 0, {"betas": [0.95, 0.98]})),
        dtypes=REAL,
        shapes=([1], [7], [3, 3], [8, 4], [2, 5]),
        sizes=([0], [1], [7], [8], [9], [63], [64], [65], [6, 7], [7, 8], [5, 9]),
        by_dtype=ADAM_HALF,
        sparse={"sparse": {"lr": 0.05}},
        dense=False,
        overflows=("f32",),
    ),
    Optimizer(
        "Muon",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.05, "weight_decay": 0.2},
            "no_wd": {"lr": 0.05, "weight_decay": 0},
            "momentum": {"lr": 0.05, "momentum": 0.8},
            "ns_steps": {"lr": 0.05, "ns_steps": 6},
            "ns_coefficients": {"lr": 0.05, "ns_coefficients": [3.4, -4.7, 2.0]},
            "original": {"lr": 0.05, "adjust_lr_fn": "original"},
            "match_rms_adamw": {"lr": 0.05, "adjust_lr_fn": "match_rms_adamw"},
            "spectral_unclamped": {"lr": 0.05, "adjust_lr_fn": "spectral_unclamped"},
            "no_nesterov": {"lr": 0.05, "nesterov": False},
            "float32": {"lr": 0.05, "ns_float32": True},
            "float32_options": {"lr": 0.05, "weight_decay": 0.2, "ns_steps": 4, "nesterov": False, "adjust_lr_fn": "match_rms_adamw", "ns_float32": True},
        },
        usual={"lr": 0.05, "momentum": 0.9},
        groups=({"lr": 0.01, "momentum": 0.5}, {"weight_decay": 0.5, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"momentum": 0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"adjust_lr_fn": "spectral_unclamped"}),
                 (8, 0, {"ns_steps": 4, "nesterov": False})),
        dtypes=REAL,
        shapes=([4, 4], [6, 2], [2, 5], [3, 3], [1, 4], [5, 1]),
        sizes=([1, 1], [1, 7], [8, 8], [9, 7], [7, 9], [16, 4], [1, 65], [65, 1]),
        large=([25, 40], [40, 25]),
        magnitude_steps=3,  # rounding in bfloat16 adds up where the updates are all there is
        overflows=("f32", "f64"),  # its norm is taken in single precision, whatever the type
        without=(("no_nesterov", "bf16"),),  # it divides its momentum buffer in place
    ),
    Optimizer(
        "Muon",
        variant="keller",  # by dimensions: 3 are a stack, 4 a filter; here of no more rows than columns, as it takes their ratio from the last two dimensions
        sets={
            "stacks": (stacks := {"lr": 0.3, "weight_decay": 0.1, "momentum": 0.9, "matrix_shape": "stacks", "ns_float32": True}),
            "stacks_momentum": stacks | {"momentum": 0.5},
            "stacks_no_wd": stacks | {"weight_decay": 0},
            "stacks_bfloat16": {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.9, "matrix_shape": "stacks"},
        },
        usual=stacks,
        groups=({"lr": 0.1, "momentum": 0.5}, {"weight_decay": 0.5}),
        changes=((2, 0, {"lr": 0.2}), (3, 1, {"momentum": 0.5}), (5, 0, {"weight_decay": 0.25})),
        dtypes=REAL,
        shapes=([3, 4, 4], [2, 6, 2], [4, 2, 5], [3, 3], [1, 3, 4]),
        sizes=([1, 1, 1], [3, 1, 7], [2, 8, 8], [5, 9, 7], [2, 16, 4]),
        large=([5, 20, 10],),
        special={"batches": {"lr": 0.3, "weight_decay": 0.1, "momentum": 0.9, "matrix_shape": "filters", "ns_float32": True}},
        batches=([4, 3, 2, 2], [2, 3, 1, 1], [6, 2, 3, 3], [8, 8, 1, 1]),
        without=tuple((case, dtype) for case in ("null_gradients", "magnitudes") for dtype in REAL),  # it gives a parameter without a gradient one of zeros
    ),
    Optimizer(
        "Muon",
        variant="timm",
        sets={
            "filters": (filters := {"lr": 0.3, "weight_decay": 0.1, "momentum": 0.9, "nesterov": True, "matrix_shape": "filters", "adjust_lr_fn": "original",
                                    "ns_schedule": "constant", "ns_float32": True}),  # its defaults are others
            "bfloat16": {key: value for key, value in filters.items() if key != "ns_float32"} | {"lr": 0.05, "ns_schedule": "quintic"},
            "quintic": filters | {"ns_schedule": "quintic"},
            "polar_express_5": filters | {"ns_schedule": "polar_express_5"},
            "polar_express_8": filters | {"ns_schedule": "polar_express_8", "ns_steps": 9},
            "polar_express_8_short": filters | {"ns_schedule": "polar_express_8", "ns_steps": 4},
            "match_rms_adamw": filters | {"adjust_lr_fn": "match_rms_adamw"},
            "spectral_unclamped": filters | {"adjust_lr_fn": "spectral_unclamped", "ns_schedule": "quintic"},
            "no_nesterov": filters | {"nesterov": False, "weight_decay": 0},
        },
        usual=filters,
        groups=({"lr": 0.1, "momentum": 0.5}, {"weight_decay": 0.5, "nesterov": False}),
        changes=((2, 0, {"lr": 0.2}), (3, 1, {"momentum": 0.5}), (5, 0, {"weight_decay": 0.25}), (8, 0, {"ns_steps": 4, "nesterov": False})),
        dtypes=REAL,
        shapes=([4, 2, 2, 2], [8, 1, 2, 2], [12, 2, 2, 1], [3, 3], [5, 3, 2]),
        sizes=([1, 1, 1, 1], [7, 1, 1, 1], [2, 3, 3, 3], [9, 7, 1], [16, 2, 2], [3, 1, 2, 2, 2]),
        large=([20, 5, 3, 3],),
        without=tuple(("magnitudes", dtype) for dtype in REAL),
    ),
    Optimizer(
        "NorMuon",  # rounding to bfloat16 moves its averages of squares by several percent, in any order: so all are without it, and Muon's cases have it
        sets={
            "default": {"ns_float32": True},
            "lr": {"lr": 0.05, "ns_float32": True},
            "wd": {"lr": 0.05, "weight_decay": 0.2, "ns_float32": True},
            "momentum": {"lr": 0.05, "momentum": 0.8, "ns_float32": True},
            "beta2": {"lr": 0.05, "beta2": 0.5, "ns_float32": True},
            "no_memory": {"lr": 0.05, "momentum": 0.5, "beta2": 0.0, "ns_float32": True},
            "options": {"lr": 0.05, "weight_decay": 0.2, "momentum": 0.8, "beta2": 0.9, "ns_float32": True},
            "stacks": {"lr": 0.05, "weight_decay": 0.1, "matrix_shape": "stacks", "ns_float32": True},
        },
        usual={"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01, "ns_float32": True},
        groups=({"lr": 0.01, "momentum": 0.5}, {"weight_decay": 0.5, "beta2": 0.8}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"momentum": 0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"beta2": 0.5})),
        dtypes=REAL,
        shapes=([4, 4], [6, 2], [2, 5], [3, 3], [1, 4], [5, 1]),
        sizes=([1, 1], [1, 7], [8, 8], [9, 7], [7, 9], [16, 4], [1, 65], [65, 1]),
        large=([25, 40], [40, 25]),
        batches=([3, 4, 4], [2, 6, 2], [4, 2, 5], [1, 3, 4]),
        special={"batches": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1, "matrix_shape": "stacks", "ns_float32": True}},
        without=(*((case, dtype) for case in ("null_gradients", "magnitudes") for dtype in REAL), ("options", "bf16")),  # it gives a parameter without a gradient one of zeros
    ),
    Optimizer(
        "Lion",  # the reference has no "maximize"
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "large_wd": {"lr": 0.02, "weight_decay": 3.0},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "equal_betas_wd": {"lr": 0.05, "betas": [0.9, 0.9], "weight_decay": 0.1},
            "no_momentum_in_step": {"lr": 0.05, "betas": [0.0, 0.9]},
            "no_memory": {"lr": 0.05, "betas": [0.9, 0.0]},
        },
        usual={"lr": 0.05, "weight_decay": 0.1},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0.5, "betas": [0.95, 0.98]}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"weight_decay": 0.0}),
                 (8, 0, {"betas": [0.95, 0.98], "lr": 0.1}), (9, 1, {"betas": [0.0, 0.9]})),
        without=(("null_gradients", "f16"),),  # add_ rounds alpha to float16, and its product: near a zero of the average nine steps show it
    ),
    Optimizer(
        "AdEMAMix",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "alpha": {"lr": 0.05, "alpha": 8.0},
            "only_fast": {"lr": 0.05, "alpha": 0.0},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75, 0.9]},
            "no_fast": {"lr": 0.05, "betas": [0.0, 0.9, 0.99], "weight_decay": 0.1},
            "alpha_warmup": {"lr": 0.05, "alpha_warmup": 4, "weight_decay": 0.1},
            "beta3_warmup": {"lr": 0.05, "betas": [0.9, 0.999, 0.99], "beta3_warmup": 5},
            "warmups": {"lr": 0.05, "alpha": 5.0, "alpha_warmup": 20, "beta3_warmup": 20},
            "warmup_from_zero": {"lr": 0.05, "betas": [0.0, 0.9, 0.99], "alpha_warmup": 3, "beta3_warmup": 6},
            "eps": {"lr": 0.05, "eps": 0.5},
        },
        usual={"lr": 0.05, "betas": [0.9, 0.99, 0.999], "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.9, 0.99], "alpha_warmup": 5}, {"weight_decay": 0.5, "alpha": 5.0, "beta3_warmup": 4}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9, 0.95]}), (5, 0, {"weight_decay": 0.25, "alpha": 4.0}), (6, 1, {"eps": 0.01, "alpha_warmup": 10}),
                 (8, 0, {"betas": [0.95, 0.98, 0.99], "lr": 0.1, "beta3_warmup": 12}), (9, 1, {"betas": [0.0, 0.9, 0.95]})),
        dtypes=REAL,
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "SGDScheduleFree",
        sets={
            "default": {},
            "lr": {"lr": 0.1},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "momentum": {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1},
            "warmup": {"lr": 0.2, "warmup_steps": 4, "weight_decay": 0.1},
            "warmup_equal_weights": {"lr": 0.2, "warmup_steps": 4, "weight_lr_power": 0.0},
            "late_weigh_more": {"lr": 0.1, "r": 1.5, "weight_lr_power": 1.0},
        },
        usual={"lr": 0.1, "weight_decay": 0.01, "warmup_steps": 2},
        groups=({"lr": 0.01, "momentum": 0.8}, {"weight_decay": 0.5, "r": 1.0, "warmup_steps": 0}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"momentum": 0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"lr": 0.3}),
                 (8, 0, {"momentum": 0.95, "lr": 0.1}), (9, 1, {"weight_lr_power": 0.0})),
        without=(("default", "bf16"),),  # add_ rounds alpha to bfloat16: at a rate of 1 y passes near zero, where it shows
    ),
    Optimizer(
        "AdamWScheduleFree",
        sets=(schedule_free := {
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75], "weight_decay": 0.1},
            "late_weigh_more": {"lr": 0.05, "r": 1.5, "weight_lr_power": 1.0},
            "eps": {"lr": 0.05, "eps": 0.5},
        }) | {
            "warmup": {"lr": 0.1, "warmup_steps": 4, "weight_decay": 0.1},
            "warmup_equal_weights": {"lr": 0.1, "warmup_steps": 4, "weight_lr_power": 0.0},
            "inner_momentum": {"lr": 0.05, "inner_momentum": 0.9, "weight_decay": 0.1},
        },
        usual={"lr": 0.05, "weight_decay": 0.01, "warmup_steps": 2},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0.5, "inner_momentum": 0.5, "warmup_steps": 0}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.01}),
                 (8, 0, {"betas": [0.95, 0.98], "lr": 0.1}), (9, 1, {"weight_lr_power": 0.0})),
        dtypes=REAL,
        by_dtype=ADAM_HALF,
        without=tuple(("null_gradients", dtype) for dtype in REAL),  # it counts a group's steps, not a parameter's
    ),
    Optimizer(
        "RAdamScheduleFree",
        sets=schedule_free | {"loud": {"lr": 0.05, "silent_sgd_phase": False, "weight_decay": 0.1}},
        usual={"lr": 0.05, "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0.5, "silent_sgd_phase": False}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.01}),
                 (8, 0, {"betas": [0.95, 0.98], "lr": 0.1}), (9, 1, {"weight_lr_power": 0.0})),
        dtypes=REAL,
        by_dtype=ADAM_HALF,
        least_steps=7,  # its rule changes at the sixth with the default betas
        without=tuple(("null_gradients", dtype) for dtype in REAL),
    ),
    Optimizer(
        "Adan",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "no_prox": {"lr": 0.1, "weight_decay": 0.1, "no_prox": True},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75, 0.9]},
            "no_change": {"lr": 0.05, "betas": [0.9, 0.0, 0.99]},
            "no_momentum": {"lr": 0.05, "betas": [0.0, 0.9, 0.9], "weight_decay": 0.1},
            "eps": {"lr": 0.05, "eps": 0.5},
        },
        usual={"lr": 0.05, "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.9, 0.95]}, {"weight_decay": 0.5, "no_prox": True, "eps": 0.01}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9, 0.95]}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.01, "no_prox": True}),
                 (8, 0, {"betas": [0.95, 0.9, 0.98], "lr": 0.1}), (9, 1, {"betas": [0.0, 0.9, 0.9]})),
        dtypes=REAL,
        by_dtype=ADAM_HALF,
        without=tuple(("null_gradients", dtype) for dtype in REAL),  # it counts a group's steps, not a parameter's
    ),
    Optimizer(
        "ADOPT",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "decouple": {"lr": 0.1, "weight_decay": 0.1, "decouple": True},
            "maximize_wd": {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
            "decouple_maximize": {"lr": 0.1, "weight_decay": 0.1, "decouple": True, "maximize": True},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "no_momentum": {"lr": 0.05, "betas": [0.0, 0.9]},
            "eps": {"lr": 0.05, "eps": 0.5},
            "not_clipped": {"lr": 0.05, "clip_exponent": None},
            "clip_at_one": {"lr": 0.05, "clip_exponent": 0.0},
            "clip_exponent": {"lr": 0.05, "betas": [0.9, 0.99], "clip_exponent": 0.5},
        },
        usual={"lr": 0.05, "weight_decay": 0.01},
        groups=({"lr": 0.01, "betas": [0.8, 0.99]}, {"weight_decay": 0.5, "maximize": True, "decouple": True}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (5, 0, {"weight_decay": 0.25, "decouple": True}), (6, 1, {"eps": 0.01, "maximize": True}),
                 (8, 0, {"betas": [0.95, 0.98], "lr": 0.1}), (9, 1, {"betas": [0.0, 0.9]})),
        by_dtype=ADAM_HALF,
    ),
    Optimizer(
        "AdaBelief",
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "fixed_decay": {"lr": 0.1, "weight_decay": 0.1, "fixed_decay": True},
            "coupled": {"lr": 0.1, "weight_decay": 0.1, "weight_decouple": False},
            "not_rectified": {"lr": 0.01, "rectify": False, "weight_decay": 0.1},
            "amsgrad": {"lr": 0.05, "rectify": False, "amsgrad": True, "betas": [0.5, 0.5]},
            "amsgrad_coupled": {"lr": 0.05, "rectify": False, "amsgrad": True, "weight_decouple": False, "weight_decay": 0.1, "eps": 1e-8},
            "old": {"rectify": False, "weight_decouple": False, "weight_decay": 0.01, "eps": 1e-8},
            "waiting": {"lr": 0.05, "degenerated_to_sgd": False, "weight_decay": 0.1},
            "betas": {"lr": 0.05, "betas": [0.5, 0.9]},
            "eps": {"lr": 0.05, "eps": 0.5},
        },
        usual={"lr": 0.05, "weight_decay": 0.01, "eps": 1e-8},
        groups=({"lr": 0.01, "betas": [0.8, 0.99]}, {"weight_decay": 0.5, "eps": 0.01}),
        changes=((2, 0, {"lr": 0.02}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.01}), (8, 0, {"lr": 0.1})),  # betas: the groups share what they compute of them
        dtypes=REAL,
        by_dtype=ADAM_HALF,
        least_steps=7,
    ),
    Optimizer(
        "SOAP",  # square matrices: the larger side of others has axes at will at first; the reference has no "maximize"
        sets={
            "default": {},
            "lr_wd": {"lr": 0.1, "weight_decay": 0.1},
            "no_wd": {"lr": 0.05, "weight_decay": 0},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75], "precondition_frequency": 3},
            "no_momentum": {"lr": 0.05, "betas": [0.0, 0.9], "precondition_frequency": 3},
            "shampoo_beta": {"lr": 0.05, "shampoo_beta": 0.5, "precondition_frequency": 2},
            "shampoo_beta_0": {"lr": 0.05, "shampoo_beta": 0.0, "precondition_frequency": 3},
            "eps": {"lr": 0.05, "eps": 0.5, "precondition_frequency": 2},
            "frequency_1": {"lr": 0.05, "precondition_frequency": 1},
            "frequency_2": {"lr": 0.05, "precondition_frequency": 2},
            "frequency_5": {"lr": 0.05, "precondition_frequency": 5},
            "normalized": {"lr": 0.05, "normalize_grads": True, "precondition_frequency": 2},
            "not_corrected": {"lr": 0.05, "correct_bias": False, "precondition_frequency": 2},
            "max_3": {"lr": 0.05, "max_precond_dim": 3, "precondition_frequency": 2},
            "max_0": {"lr": 0.05, "max_precond_dim": 0, "normalize_grads": True},
        },
        usual={"lr": 0.05, "betas": [0.9, 0.95], "weight_decay": 0.1, "precondition_frequency": 2},
        groups=({"lr": 0.01, "betas": [0.8, 0.9], "precondition_frequency": 3}, {"weight_decay": 0, "normalize_grads": True, "correct_bias": False}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.95]}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"eps": 0.01}),
                 (8, 0, {"normalize_grads": True}), (8, 1, {"correct_bias": False, "lr": 0.01})),  # its state keeps the frequency and β of the first step
        dtypes=REAL,
        half_dimensions=1,  # the reference can't multiply its matrices with them
        without=(("frequency_1", "bf16"),),  # its average passes zero
        by_dtype=ADAM_HALF,
        shapes=([], [1], [7], [3, 3], [4, 4]),
        sizes=([], [0], [1], [7], [8], [9], [63], [64], [65], [1, 1], [2, 2], [8, 8], [9, 9]),
        large=([1000], [20, 20]),
        started={
            "started": {"lr": 0.05, "precondition_frequency": 2},
            "started_frozen": {"lr": 0.05, "precondition_frequency": 100},
            "started_every": {"lr": 0.05, "precondition_frequency": 1, "betas": [0.8, 0.9]},
            "started_1d": {"lr": 0.05, "precondition_frequency": 2, "precondition_1d": True},
            "started_merged": {"lr": 0.05, "precondition_frequency": 2, "merge_dims": True, "max_precond_dim": 6},
            "started_merged_whole": {"lr": 0.05, "precondition_frequency": 3, "merge_dims": True, "max_precond_dim": 12},
            "started_max": {"lr": 0.05, "precondition_frequency": 2, "max_precond_dim": 4, "normalize_grads": True},
        },
        started_shapes=([5, 3], [2, 6], [4, 1], [6], [2, 3, 4], [3, 2, 2, 2]),
        started_after=16,
    ),
    Optimizer(
        "Shampoo",  # the reference has no "maximize"; with little epsilon, what the first gradients leave at zero hangs on rounding
        sets={
            "lr": {"lr": 0.1},
            "lr_wd": {"lr": 0.1, "weight_decay": 0.1},
            "l2": {"lr": 0.1, "weight_decay": 0.1, "weight_decay_type": "L2"},
            "corrected": {"lr": 0.1, "weight_decay": 0.1, "weight_decay_type": "CORRECTED"},
            "independent": {"lr": 0.1, "weight_decay": 0.1, "weight_decay_type": "INDEPENDENT"},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "no_filter": {"lr": 0.05, "betas": [0.0, 0.9]},
            "beta3": {"lr": 0.05, "betas": [0.9, 0.95], "beta3": 0.5},
            "not_corrected": {"lr": 0.05, "betas": [0.9, 0.95], "use_bias_correction": False},
            "frequency": {"lr": 0.05, "precondition_frequency": 3},
            "start": {"lr": 0.05, "precondition_frequency": 2, "start_preconditioning_step": 3},
            "matrices": {"lr": 0.05, "target_parameter_dimensionality": 2},
            "blocks": {"lr": 0.05, "max_preconditioner_dim": 2, "betas": [0.9, 0.95]},
            "blocks_of_matrices": {"lr": 0.05, "max_preconditioner_dim": 3, "target_parameter_dimensionality": 2, "grafting_type": "ADAM"},
            "tensors": {"lr": 0.05, "target_parameter_dimensionality": 3, "betas": [0.9, 0.99]},
            "sgd": {"lr": 0.05, "grafting_type": "SGD", "precondition_frequency": 2, "weight_decay": 0.1},
            "adagrad": {"lr": 0.05, "grafting_type": "ADAGRAD", "precondition_frequency": 2},
            "rmsprop": {"lr": 0.05, "grafting_type": "RMSPROP", "precondition_frequency": 2},
            "adam": {"lr": 0.05, "grafting_type": "ADAM", "start_preconditioning_step": 3, "weight_decay": 0.1},
            "adam_beta2": {"lr": 0.05, "grafting_type": "ADAM", "grafting_beta2": 0.5, "grafting_epsilon": 0.01, "betas": [0.0, 1.0]},
            "momentum": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
            "nesterov": {"lr": 0.05, "momentum": 0.5, "dampening": 0.25, "use_nesterov": True, "betas": [0.0, 0.9]},
            "adam_momentum": {"lr": 0.05, "momentum": 0.5, "grafting_type": "ADAM", "betas": [0.0, 0.9]},
            "newton": {"lr": 0.05, "root_inv_type": "COUPLED_NEWTON"},
            "newton_matrices": {"lr": 0.05, "root_inv_type": "COUPLED_NEWTON", "target_parameter_dimensionality": 2, "betas": [0.9, 0.95]},
            "newton_tensors": {"lr": 0.05, "root_inv_type": "COUPLED_NEWTON", "target_parameter_dimensionality": 3},
        },
        usual={"lr": 0.05, "betas": [0.9, 0.95], "weight_decay": 0.1, "precondition_frequency": 2, "grafting_type": "ADAM", "target_parameter_dimensionality": 2},
        groups=({"lr": 0.01, "betas": [0.8, 0.9], "precondition_frequency": 3}, {"weight_decay": 0, "grafting_type": "SGD", "max_preconditioner_dim": 3}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"weight_decay": 0.5}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"precondition_frequency": 1}), (8, 1, {"lr": 0.1})),
        dtypes=REAL,
        shapes=([], [1], [7], [3, 3], [2, 4], [2, 3, 2]),
        sizes=([], [1], [7], [8], [9], [63], [64], [65], [9, 7], [8, 8], [1, 5], [5, 1], [2, 1, 3]),
        special={"sizes": (shampoo_small := {"lr": 0.05, "max_preconditioner_dim": 8, "betas": [0.9, 0.95], "target_parameter_dimensionality": 2}),
                 "sizes_1000": shampoo_small | {"max_preconditioner_dim": 4},
                 "magnitudes": shampoo_small | {"max_preconditioner_dim": 1}},
        without=(*(("null_gradients", d) for d in REAL), ("adam_momentum", "f32")),  # its count of steps is the group's
        by_dtype={"f64": {"epsilon": 0.1}, "f32": {"epsilon": 1.0}, "bf16": {"epsilon": 10.0}, "f16": {"epsilon": 10.0, "grafting_epsilon": 0.01}},
        overflows=("f32",),
    ),
    Optimizer(
        "LAMB",  # the reference has no "maximize"
        sets={
            "default": {},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.5},
            "no_wd": {"lr": 0.05, "weight_decay": 0},
            "always_adapt": {"lr": 0.05, "weight_decay": 0, "always_adapt": True},
            "trust_clip": {"lr": 0.05, "weight_decay": 0.1, "trust_clip": True},
            "no_clip": {"lr": 0.05, "max_grad_norm": None},
            "small_clip": {"lr": 0.05, "max_grad_norm": 0.1, "eps": 0.01},
            "large_clip": {"lr": 0.05, "max_grad_norm": 1000.0},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "no_averaging": {"lr": 0.05, "grad_averaging": False},
            "no_correction": {"lr": 0.05, "bias_correction": False},
            "eps": {"lr": 0.05, "eps": 0.5},
            "decoupled": {"lr": 0.05, "weight_decay": 0.5, "decoupled_decay": True},
            "decoupled_trust_clip": {"lr": 0.05, "weight_decay": 0.5, "decoupled_decay": True, "trust_clip": True},
            "caution": {"lr": 0.05, "betas": [0.5, 0.75], "weight_decay": 0.1, "caution": True},
            "caution_no_wd": {"lr": 0.05, "betas": [0.5, 0.75], "weight_decay": 0, "caution": True},
            "caution_decoupled": {"lr": 0.05, "betas": [0.8, 0.75], "weight_decay": 0.5, "decoupled_decay": True, "caution": True},
        },
        usual={"lr": 0.05, "weight_decay": 0.1},
        groups=({"lr": 0.01, "betas": [0.8, 0.9], "weight_decay": 0.5, "decoupled_decay": True, "corrected_weight_decay": True},
                {"weight_decay": 0, "caution": True}),
        changes=adam_changes[:3] + ((6, 1, {"eps": 0.01, "trust_clip": True}), (7, 0, {"decoupled_decay": True, "corrected_weight_decay": True}), (7, 1, {"weight_decay": 0.0})) + adam_changes[4:],
        by_dtype=ADAM_HALF,
        special={"null_gradients": {"lr": 0.05, "weight_decay": 0.1, "bias_correction": False},  # its count of steps is the group's
                 "sizes": {"lr": 0.05, "weight_decay": 0.1, "max_grad_norm": 10.0},
                 "magnitudes": {"lr": 0.05, "weight_decay": 0.1, "max_grad_norm": None}},  # the largest gradients would take all others to nothing
        without=(("small_clip", "f16"),),  # squares below float16's numbers
        overflows=("f32",),
    ),
    Optimizer(
        "LARS",  # the reference has no "maximize"
        sets={
            "default": {},
            "lr": {"lr": 0.1},
            "wd": {"lr": 0.5, "weight_decay": 0.1},
            "trust": {"lr": 1.0, "weight_decay": 0.1, "trust_coeff": 0.05},
            "always_adapt": {"lr": 2.0, "always_adapt": True, "trust_coeff": 0.02},
            "momentum": {"lr": 0.1, "momentum": 0.9},
            "momentum_wd": {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.1, "trust_coeff": 0.02},
            "dampening": {"lr": 1.0, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1, "trust_coeff": 0.05},
            "nesterov": {"lr": 1.0, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "trust_coeff": 0.02},
            "trust_clip": {"lr": 0.5, "momentum": 0.5, "weight_decay": 0.1, "trust_coeff": 0.2, "trust_clip": True},
            "trust_clip_small_lr": {"lr": 0.02, "weight_decay": 0.1, "trust_coeff": 0.5, "trust_clip": True},
            "eps": {"lr": 1.0, "weight_decay": 0.1, "trust_coeff": 0.1, "eps": 2.0},
        },
        usual={"lr": 1.0, "momentum": 0.9, "weight_decay": 0.05, "trust_coeff": 0.02},
        groups=({"lr": 0.5, "nesterov": True}, {"momentum": 0, "weight_decay": 0, "lr": 0.05}),
        changes=((2, 0, {"lr": 0.4}), (3, 1, {"momentum": 0.8}), (5, 0, {"weight_decay": 0.25, "momentum": 0.5}), (6, 1, {"nesterov": True, "trust_coeff": 0.01}),
                 (7, 1, {"weight_decay": 0.0, "lr": 0.02}), (8, 0, {"momentum": 0}), (9, 0, {"momentum": 0.7, "dampening": 0.3, "trust_clip": True})),
        overflows=("f32",),
    ),
    Optimizer(
        "Prodigy",  # the reference has no "maximize"; which options must be the same in all groups, ours says
        sets={
            "default": {},
            "lr": {"lr": 0.5},
            "wd": {"weight_decay": 0.1},
            "coupled": {"weight_decay": 0.1, "decouple": False},
            "betas": {"betas": [0.5, 0.75]},
            "beta3": {"beta3": 0.5, "weight_decay": 0.1},
            "no_momentum": {"betas": [0.0, 0.9]},
            "eps": {"eps": 0.5},
            "bias_correction": {"use_bias_correction": True, "betas": [0.9, 0.99]},
            "safeguard": {"safeguard_warmup": True, "lr": 0.3, "use_bias_correction": True},
            "coefficient": {"d_coef": 2.0, "betas": [0.9, 0.99]},
            "growth": {"growth_rate": 1.02, "betas": [0.9, 0.99]},
        },
        usual={"betas": [0.9, 0.99], "weight_decay": 0.01},
        groups=({"weight_decay": 0.1, "eps": 0.01}, {"safeguard_warmup": True, "weight_decay": 0.5}),
        changes=((2, 0, {"lr": 0.5}), (2, 1, {"lr": 0.5}), (4, 1, {"weight_decay": 0.25}), (5, 0, {"betas": [0.8, 0.95]}), (5, 1, {"betas": [0.8, 0.95]}),
                 (7, 0, {"eps": 0.01}), (8, 0, {"lr": 0.8}), (8, 1, {"lr": 0.8})),
        # The estimate is made of differences of weights: with its default of 1e-6 it hangs on their last bits.
        by_dtype={"f64": {"d0": 0.01}, "c128": {"d0": 0.01}, "f32": {"d0": 0.1}, "c64": {"d0": 0.1}, "bf16": {"d0": 0.5}, "f16": {"d0": 0.5, "eps": 0.1}},
        sizes=([], [1], [7], [8], [9], [63], [64], [65]),  # of an empty parameter it keeps one number
        without=(("magnitudes", "f64"), ("magnitudes", "f32"),  # the last bits of the largest weights would be the estimate
                 ("lr", "bf16"), ("beta3", "bf16")),            # PyTorch rounds the factor of a sum
    ),
    Optimizer(
        "DAdaptAdam",  # the reference has no "maximize"
        sets={
            "default": {},
            "lr": {"lr": 0.5},
            "wd": {"weight_decay": 0.1},
            "decouple": {"weight_decay": 0.1, "decouple": True},
            "betas": {"betas": [0.5, 0.75]},
            "no_momentum": {"betas": [0.0, 0.9]},
            "eps": {"eps": 0.5},
            "bias_correction": {"use_bias_correction": True, "betas": [0.9, 0.99]},
            "start": {"d0": 0.1},
            "growth": {"d0": 0.1, "growth_rate": 1.02},
        },
        usual={"weight_decay": 0.01},
        groups=({"weight_decay": 0.1, "eps": 0.01, "layer_scale": 0.5}, {"weight_decay": 0.5, "layer_scale": 3.0}),
        changes=((2, 0, {"lr": 0.5}), (2, 1, {"lr": 0.5}), (4, 1, {"weight_decay": 0.25}), (5, 0, {"betas": [0.8, 0.95]}), (5, 1, {"betas": [0.8, 0.95]}),
                 (7, 0, {"eps": 0.01, "layer_scale": 2.0}), (8, 0, {"lr": 0.8}), (8, 1, {"lr": 0.8})),
        by_dtype={"f64": {"d0": 0.01}, "f32": {"d0": 0.01}, "bf16": {"d0": 0.1}, "f16": {"d0": 1.0, "eps": 0.1}},
        without=(("betas", "bf16"),),  # PyTorch rounds the factor of a sum
        overflows=("f32",),
    ),
    Optimizer(
        "MARS",  # the reference has no "maximize", and reads most options from the optimizer only
        sets={
            "default": (mars_others := {"lr_1d_factor": 1.0}),  # the reference has a rate of the others, whatever the rate is
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "betas": {"lr": 0.05, "betas": [0.5, 0.75]},
            "no_momentum": {"lr": 0.05, "betas": [0.0, 0.9]},
            "gamma": {"lr": 0.05, "gamma": 0.5},
            "no_correction": {"lr": 0.05, "gamma": 0.0, "weight_decay": 0.1},
            "eps": {"lr": 0.05, "eps": 0.5},
            "amsgrad": {"lr": 0.05, "amsgrad": True, "betas": [0.5, 0.5]},
            "all": {"lr": 0.05, "optimize_1d": True, "weight_decay": 0.1},
            "others": {"lr": 0.05, "lr_1d_factor": 0.5, "betas_1d": [0.5, 0.75], "weight_decay_1d": 0.5},
            "lion": {"lr": 0.01, "mars_type": "mars-lion", "weight_decay": 0.1},
            "lion_all": {"lr": 0.01, "mars_type": "mars-lion", "optimize_1d": True, "betas": [0.5, 0.75]},
        },
        usual={"lr": 0.05, "weight_decay": 0.01, "optimize_1d": True},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0.5, "amsgrad": True}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"betas": [0.5, 0.9]}), (5, 0, {"weight_decay": 0.25}), (8, 0, {"betas": [0.95, 0.98], "lr": 0.1}), (9, 1, {"betas": [0.0, 0.9]})),
        dtypes=REAL,
        by_dtype={"f64": mars_others, "f32": mars_others, "bf16": mars_others, "f16": mars_others | ADAM_HALF["f16"]},
        batches=([2, 3, 4], [2, 2, 3, 1], [5, 3]),
        special={"batches": {"lr": 0.05, "weight_decay": 0.01}},
        without=(("all", "bf16"), ("null_gradients", "f16")),  # PyTorch rounds the factor of a sum
        overflows=("f32",),
    ),
    Optimizer(
        "StableAdamW",  # the reference has no "maximize"
        sets={
            "default": {"lr": 1e-3},
            "lr": {"lr": 0.01},
            "wd": {"lr": 0.1, "weight_decay": 0.1},
            "no_wd": {"lr": 0.1, "weight_decay": 0.0},
            "decouple_lr": {"lr": 0.1, "weight_decay": 0.01, "decouple_lr": True},
            "betas": {"lr": 0.05, "beta1": 0.5, "beta2": 0.75},
            "slow": {"lr": 0.05, "beta1": 0.5, "beta2": 0.9999},
            "no_momentum": {"lr": 0.05, "beta1": 0.0, "beta2": 0.9},
            "no_memory": {"lr": 0.05, "beta1": 0.9, "beta2": 0.0},
            "eps": {"lr": 0.05, "eps": 0.5},
            "large_eps": {"lr": 0.05, "eps": 3.0, "weight_decay": 0.1},
        },
        usual={"lr": 0.05, "weight_decay": 0.1},
        groups=({"lr": 0.01, "beta1": 0.8, "beta2": 0.9}, {"weight_decay": 0.5, "eps": 0.01}),
        changes=((2, 0, {"lr": 0.02}), (3, 1, {"beta1": 0.5, "beta2": 0.9}), (5, 0, {"weight_decay": 0.25}), (6, 1, {"beta2": 0.5}),
                 (8, 0, {"beta1": 0.95, "beta2": 0.98, "lr": 0.1}), (9, 1, {"beta1": 0.0})),
        dtypes=REAL,
        by_dtype=ADAM_HALF,
        without=tuple(("null_gradients", dtype) for dtype in REAL),  # it counts a group's steps, not a parameter's
        overflows=("f32",),
    ),
)
