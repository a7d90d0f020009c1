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
    renamed: object = field(default_factory=dict)  # of an option that it has in another form: name, and how it is made of ours; or what makes all options of all of ours
    stubs: tuple = ()                              # modules that it imports and that do nothing for the numbers
    root: str = ""                                 # the folder, within the repository, from which it imports itself
    state: object = None                           # (its state, parameter, group) -> the state by our names
    own_type: bool = False                         # matrices that it keeps or decomposes in single precision whatever the parameters have: they get these' type

    def arguments(self, options):
        """The options of a case as it calls them."""
        if callable(self.renamed):
            return self.renamed(options) | self.fixed
        pairs = [self.renamed[key](value) if key in self.renamed else (key, value) for key, value in options.items()]
        return dict(pairs) | self.fixed

    def __str__(self):
        return f"{self.repository}@{self.commit}:{self.path}"


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
        "clip_exponent": lambda c: ("clip_lambda", None if c is None else lambda step: step**c)}),
    "AdaBelief": Reference("juntang-zhuang/Adabelief-Optimizer", "2855178", "pypi_packages/adabelief_pytorch0.2.1/adabelief_pytorch/AdaBelief.py",
                           fixed={"print_change_log": False}, stubs=("tabulate", "colorama")),
}


def optimizer_class(name):
    """The class of an optimizer, and arguments that go with every case."""
    reference = REFERENCES.get(name)
    if reference is None:
        kind = getattr(torch.optim, name)
        return kind, {"foreach": False} if "foreach" in inspect.signature(kind).parameters else {}
    folder = os.environ.get("OPTIMSHARP_REFERENCES")
    if not folder:
        raise RuntimeError(f"PyTorch has no {name}. OPTIMSHARP_REFERENCES must name a folder with {reference}, as {reference.repository}/{reference.path}.")
    package = f"reference_{name}"
    path = pathlib.Path(folder) / reference.repository / reference.path
    module = f"{package}.{path.stem}"
    if reference.root and module not in sys.modules:
        logging.disable(logging.WARNING)  # it says much
        sys.path.append(str(pathlib.Path(folder) / reference.repository / reference.root))
        sys.modules[module] = importlib.import_module(".".join(pathlib.Path(reference.path).with_suffix("").parts))
    if module not in sys.modules:  # its folder alone, for what it imports from beside it: without what the whole package would import
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = [str(path.parent)]
        sys.path.insert(0, str(path.parent))
        with mock.patch.dict(sys.modules, {stub: mock.MagicMock() for stub in reference.stubs}):
            loaded = importlib.import_module(module)
        sys.modules[module] = loaded
        sys.path.pop(0)
    kind = getattr(sys.modules[module], reference.kind or name)

    def make(groups, **options):
        own = computing_in(groups[0]["params"][0].dtype) if reference.own_type else contextlib.nullcontext()
        with contextlib.redirect_stdout(io.StringIO()), own:  # some greet
            if callable(reference.renamed):
                groups = [{"params": group.pop("params"), **reference.arguments(options | group)} for group in map(dict, groups)]
            optimizer = kind(groups, **reference.arguments(options))
        if reference.own_type:
            step = optimizer.step

            def step_in_own_type():
                with computing_in(optimizer.param_groups[0]["params"][0].dtype):
                    return step()
            optimizer.step = step_in_own_type
        return optimizer
    return make, {}
