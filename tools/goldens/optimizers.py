"""The optimizers, one entry each: add one here and `generate.py` makes its cases."""
from dataclasses import dataclass, field

REAL = ("f64", "f32", "bf16", "f16")
COMPLEX = ("c64", "c128")
MIXED = ([], [1], [7], [3, 3], [2, 4])
ADAM_HALF = {"f16": {"eps": 0.1}}  # 1e-8 is zero in float16


@dataclass(frozen=True)
class Optimizer:
    name: str                       # PyTorch's class
    sets: dict                      # option sets by name; each runs in every type
    usual: dict                     # the options of all other cases
    groups: tuple                   # what the second and third group override
    changes: tuple                  # (step, group, options): what "set" changes on the way
    dtypes: tuple = REAL + COMPLEX
    shapes: tuple = MIXED           # of the option sets' parameters
    sizes: tuple = ([], [0], [1], [7], [8], [9], [63], [64], [65])
    large: tuple = ([1000],)
    large_dtypes: tuple = ("f32",)
    least_steps: int = 1            # where a rule changes on the way
    by_dtype: dict = field(default_factory=dict)   # options every case of a type needs
    sparse: dict = field(default_factory=dict)     # option sets that take sparse gradients
    dense: bool = True


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
        large_dtypes=REAL,
    ),
    Optimizer(
        "AdamW",
        sets=adam | {"no_wd": {"lr": 0.1, "weight_decay": 0}},
        usual={"lr": 0.05, "weight_decay": 0.1},
        groups=({"lr": 0.01, "betas": [0.8, 0.9]}, {"weight_decay": 0, "amsgrad": True, "maximize": True}),
        changes=adam_changes,
        by_dtype=ADAM_HALF,
        large_dtypes=REAL,
    ),
)
