"""Optimizers that PyTorch has none of: whose code their cases are made with. That code is not kept here, see README.md."""
import contextlib
import importlib
import inspect
import io
import logging
import os
import pathlib
import sys
import types
from dataclasses import dataclass, field
from unittest import mock

import torch

from encoding import HALF


@dataclass(frozen=True)
class Reference:
    repository: str                                # owner/name
    commit: str                                    # that the cases were made with
    path: str                                      # of the file, within the repository
    kind: str = ""                                 # the class, when it is not called as ours
    fixed: dict = field(default_factory=dict)      # arguments that choose among its implementations
    pairs: bool = False                            # it does not take complex numbers: it gets pairs of real ones, as PyTorch's optimizers make of them
    begin: str = ""                                # its method that training begins with
    count: str = "step"                            # its groups' count of steps, where ours are each parameter's
    renamed: object = field(default_factory=dict)  # options that it has in another form: how its arguments are made of ours, and of all options; or what makes all of all of ours
    stubs: tuple = ()                              # modules that it imports and that do nothing for the numbers
    group: dict = field(default_factory=dict)      # what each of its groups has beside the options
    hidden: tuple = ()                             # entries of its state that are no state
    unused: object = None                          # (options, shape) -> state that it keeps for such a parameter, and does not use
    cast: tuple = ()                               # functions of its file whose result is given the type of their first argument: without that it refuses some types
    root: str = ""                                 # the folder, within the repository, from which it imports itself
    state: object = None                           # (its state, parameter, group) -> the state by our names
    own_type: bool = False                         # matrices that it keeps or decomposes in single precision whatever the parameters have: they get these' type

    def arguments(self, options):
        """The options of a case as it calls them."""
        if callable(self.renamed):
            return self.renamed(options) | self.fixed
        made = {}
        for key, value in options.items():
            made |= self.renamed[key](value, options) if key in self.renamed else {key: value}
        return made | self.fixed

    def __str__(self):
        return f"{self.repository}@{self.commit}:{self.path}"


def mars_unused(options, shape):
    """It makes all state for all types and shapes."""
    if len(shape) != 2 and not options.get("optimize_1d"):
        return {"last_grad"}
    return {"exp_avg_sq", "max_exp_avg_sq"} if options.get("mars_type") == "mars-lion" else set()


@contextlib.contextmanager
def computing_in(dtype):
    """What is made in the default type, or single numbers of, has this type; of the two signs that an eigenvector can have, it has that with which its largest number is positive."""
    dtype = torch.float32 if dtype in HALF else dtype
    before, eigh = torch.get_default_dtype(), torch.linalg.eigh

    def signed(matrix):
        values, vectors = eigh(matrix)
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        return values, torch.where(largest < 0, -vectors, vectors)

    torch.set_default_dtype(dtype)
    try:
        with mock.patch.object(torch.Tensor, "float", lambda stored: stored.to(dtype)), mock.patch.object(torch.linalg, "eigh", signed), mock.patch.object(torch, "float", dtype):
            yield
    finally:
        torch.set_default_dtype(before)


def shampoo_options(options):
    """Ours as the reference's: it has objects for what belongs together."""
    from distributed_shampoo import shampoo_types as types
    from distributed_shampoo.preconditioner.matrix_functions_types import CoupledNewtonConfig, DefaultEigenConfig
    options = dict(options)
    own = torch.get_default_dtype()
    grafting = options.pop("grafting_type", "NONE")
    more = {key: options.pop(f"grafting_{key}") for key in ("beta2", "epsilon") if f"grafting_{key}" in options}
    options["grafting_config"] = {"NONE": lambda **_: None, "SGD": lambda **_: types.SGDPreconditionerConfig(), "ADAGRAD": types.AdaGradPreconditionerConfig,
                                  "RMSPROP": types.RMSpropPreconditionerConfig, "ADAM": types.AdamPreconditionerConfig}[grafting](**more)
    newton = options.pop("root_inv_type", "EIGEN") == "COUPLED_NEWTON"
    options["preconditioner_config"] = types.RootInvShampooPreconditionerConfig(
        amortized_computation_config=CoupledNewtonConfig() if newton else DefaultEigenConfig, factor_matrix_dtype=own, inv_factor_matrix_dtype=own)
    options["distributed_config"] = types.SingleDeviceDistributedConfig(target_parameter_dimensionality=options.pop("target_parameter_dimensionality", 1))
    if "weight_decay_type" in options:
        options["weight_decay_type"] = types.WeightDecayType(options["weight_decay_type"])
    if momentum := options.pop("momentum", 0):
        options["iterate_averaging_config"] = types.ClassicMomentumConfig(
            momentum=momentum, dampening=options.pop("dampening", 0), use_nesterov=options.pop("use_nesterov", False))
    return options


def shampoo_state(state, parameter, group):
    """Its blocks put together; matrices are kept whole."""
    from distributed_shampoo.preconditioner.shampoo_preconditioner_list import unpack_upper_triangular
    from distributed_shampoo.utils.shampoo_utils import merge_small_dims, multi_dim_split
    blocks = [state[key] for key in state if key not in ("step", "train_mode", "lr_sum")]
    made = {"step": state["step"]}
    shape = merge_small_dims(tuple(parameter.shape), group["max_preconditioner_dim"], group["distributed_config"].target_parameter_dimensionality)
    for key in ("filtered_grad", "adagrad", "momentum_buffer"):
        if key in blocks[0]:
            whole = torch.zeros(shape, dtype=parameter.dtype)
            for part, block in zip(multi_dim_split(whole, group["max_preconditioner_dim"]), blocks, strict=True):
                part.copy_(block[key])
            made[key] = whole.reshape(parameter.shape)
    for key in ("factor_matrices", "inv_factor_matrices"):
        made[key] = [unpack_upper_triangular(matrix, int(matrix.numel()**0.5 * 2**0.5)) for block in blocks for matrix in getattr(block["shampoo"], key)]
    return made


# For five iterations, as modded-nanogpt and microsoft/dion have it; timm's own are for eight.
POLAR_EXPRESS_5 = [
    (8.156554524902461, -22.48329292557795, 15.878769915207462), (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393), (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
]
SCHEDULES = {
    "constant": {"ns_coefficients": "original"},
    "quintic": {"ns_coefficients": "quintic"},
    "polar_express_5": {"ns_coefficients": POLAR_EXPRESS_5, "safety_factor": 1.02},
    "polar_express_8": {"ns_coefficients": "polar_express", "safety_factor": 1.01},
}

# By name, or by name and variant: further code of an optimizer that has more than one.
REFERENCES = {
    "Shampoo": Reference("facebookresearch/optimizers", "f606606", "distributed_shampoo/distributed_shampoo.py", "DistributedShampoo",
                         renamed=shampoo_options, root=".", state=shampoo_state, own_type=True),
    "LAMB": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/lamb.py", "Lamb", pairs=True),
    "LARS": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/lars.py", "Lars"),
    "Lion": Reference("google/automl", "6a54c87", "lion/lion_pytorch.py", pairs=True),
    "SOAP": Reference("nikhilvyas/SOAP", "a1e5535", "soap.py", own_type=True),
    "AdEMAMix": Reference("apple/ml-ademamix", "c3d73c0", "pytorch/ademamix.py"),
    "Adan": Reference("sail-sg/Adan", "2c65bea", "adan.py", fixed={"foreach": False}),
    "ADOPT": Reference("iShohei220/adopt", "6468572", "src/adopt/adopt.py", fixed={"foreach": False}, renamed={
        "clip_exponent": lambda c, _: {"clip_lambda": None if c is None else lambda step: step**c}}),
    "SGDScheduleFree": Reference("facebookresearch/schedule_free", "70785b5", "schedulefree/sgd_schedulefree.py", fixed={"foreach": False}, begin="train", pairs=True),
    "AdamWScheduleFree": Reference("facebookresearch/schedule_free", "70785b5", "schedulefree/adamw_schedulefree.py", fixed={"foreach": False}, begin="train", count="k"),
    "RAdamScheduleFree": Reference("facebookresearch/schedule_free", "70785b5", "schedulefree/radam_schedulefree.py", fixed={"foreach": False}, begin="train", count="k"),
    "AdaBelief": Reference("juntang-zhuang/Adabelief-Optimizer", "2855178", "pypi_packages/adabelief_pytorch0.2.1/adabelief_pytorch/AdaBelief.py",
                           fixed={"print_change_log": False}, stubs=("tabulate", "colorama")),
    "Prodigy": Reference("konstmish/prodigy", "3efb213", "prodigyopt/prodigy.py", pairs=True),
    "DAdaptAdam": Reference("facebookresearch/dadaptation", "c984980", "dadaptation/dadapt_adam.py", pairs=True),
    "MARS": Reference("AGI-Arena/MARS", "4831e28", "MARS/optimizers/mars.py", unused=mars_unused, renamed={
        "lr_1d_factor": lambda factor, options: {"lr_1d": factor * options.get("lr", 3e-3)}}),
    "StableAdamW": Reference("warner-benjamin/optimi", "17a3d54", "optimi/stableadamw.py", fixed={"kahan_sum": False, "foreach": False, "triton": False},
                             unused=lambda options, shape: {"eps_sq"}, renamed={
        "beta1": lambda beta, options: {"betas": (beta, options.get("beta2", 0.99))},
        "beta2": lambda beta, options: {"betas": (options.get("beta1", 0.9), beta)}}),
    "Muon/keller": Reference("KellerJordan/Muon", "857d1ad", "muon.py", "SingleDeviceMuon", renamed={
        "matrix_shape": lambda shape, _: {}}),  # it tells by the number of dimensions
    "Muon/timm": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/muon.py", "Muon", group={"use_muon": True}, hidden=("use_muon",), renamed={
        "matrix_shape": lambda shape, _: {"conv_mode": {"filters": "flatten"}[shape]},
        "ns_schedule": lambda schedule, _: SCHEDULES[schedule],
        "adjust_lr_fn": lambda kind, _: {"adjust_lr_fn": "rms_to_rms" if kind == "spectral_unclamped" else kind}}),
    "NorMuon": Reference("zichongli5/NorMuon", "d45c9a4", "normuon.py", "SingleDeviceNorMuon", cast=("zeropower_via_newtonschulz5",), renamed={
        "matrix_shape": lambda shape, _: {}}),
}


def key_of(case):
    """Where the code of a case stands in REFERENCES, or the name of PyTorch's class."""
    if "reference" not in case:
        return case["optimizer"]
    return next(key for key, reference in REFERENCES.items() if key.split("/")[0] == case["optimizer"] and str(reference) == case["reference"])


def given_its_type(function):
    return lambda x, *rest, **more: function(x, *rest, **more).to(x.dtype)


def optimizer_class(name):
    """The class of an optimizer (or of a variant's), and arguments that go with every case."""
    reference = REFERENCES.get(name)
    if reference is None:
        kind = getattr(torch.optim, name)
        return kind, {"foreach": False} if "foreach" in inspect.signature(kind).parameters else {}
    folder = os.environ.get("OPTIMSHARP_REFERENCES")
    if not folder:
        raise RuntimeError(f"PyTorch has no {name}. OPTIMSHARP_REFERENCES must name a folder with {reference}, as {reference.repository}/{reference.path}.")
    package = f"reference_{name.replace('/', '_')}"
    path = pathlib.Path(folder) / reference.repository / reference.path
    module = f"{package}.{path.stem}"
    if reference.root and module not in sys.modules:
        logging.disable(logging.WARNING)  # it says much
        sys.path.append(str(pathlib.Path(folder) / reference.repository / reference.root))
        sys.modules[module] = importlib.import_module(".".join(pathlib.Path(reference.path).with_suffix("").parts))
    if module not in sys.modules:  # its folder alone, for what it imports from beside it: without what the whole package would import
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = [str(path.parent)]
        sys.path[:0] = [str(path.parent), str(pathlib.Path(folder) / reference.repository)]
        sys.modules.update({stub: mock.MagicMock() for stub in reference.stubs})
        loaded = importlib.import_module(module)
        for stub in reference.stubs:
            del sys.modules[stub]
        for function in reference.cast:
            setattr(loaded, function, given_its_type(getattr(loaded, function)))
        del sys.path[:2]
    kind = getattr(sys.modules[module], reference.kind or name)

    def make(groups, **options):
        own = computing_in(groups[0]["params"][0].dtype) if reference.own_type else contextlib.nullcontext()
        with contextlib.redirect_stdout(io.StringIO()), own:  # some greet
            if callable(reference.renamed):
                groups = [{"params": group.pop("params"), **reference.arguments(options | group)} for group in map(dict, groups)]
            optimizer = kind([group | reference.group for group in groups], **reference.arguments(options))
        if reference.begin:
            getattr(optimizer, reference.begin)()
        if reference.own_type:
            step = optimizer.step

            def step_in_own_type():
                with computing_in(optimizer.param_groups[0]["params"][0].dtype):
                    return step()
            optimizer.step = step_in_own_type
        return optimizer
    return make, {}


@contextlib.contextmanager
def products_in(key, dtype):
    """Has the matrix products of an optimizer's code made in another type than bfloat16."""
    reference = REFERENCES.get(key)
    module = reference and sys.modules.get(f"reference_{key.replace('/', '_')}.{pathlib.Path(reference.path).stem}")
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(torch.Tensor, "bfloat16", lambda x: x.to(dtype, copy=True)))
        for function in vars(module).values() if module else ():
            if inspect.isfunction(function) and torch.bfloat16 in (function.__defaults__ or ()):
                patches.enter_context(mock.patch.object(function, "__defaults__", tuple(dtype if d is torch.bfloat16 else d for d in function.__defaults__)))
        yield
