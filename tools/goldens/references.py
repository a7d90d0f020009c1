"""Optimizers that PyTorch has none of: whose code their cases are made with. That code is not kept here, see README.md."""
import contextlib
import importlib
import inspect
import io
import os
import pathlib
import sys
import types
from dataclasses import dataclass, field
from unittest import mock

import torch


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
    renamed: dict = field(default_factory=dict)    # of an option that it has in another form: its name and value, of ours and of all options
    stubs: tuple = ()                              # modules that it imports and that do nothing for the numbers
    unused: object = None                          # (options, shape) -> state that it keeps for such a parameter, and does not use
    own_type: bool = False                         # matrices that it keeps or decomposes in single precision whatever the parameters have: they get these' type

    def arguments(self, options):
        """The options of a case as it calls them."""
        pairs = [self.renamed[key](value, options) if key in self.renamed else (key, value) for key, value in options.items()]
        return dict(pairs) | self.fixed

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
    before, eigh = torch.get_default_dtype(), torch.linalg.eigh

    def signed(matrix):
        values, vectors = eigh(matrix)
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        return values, torch.where(largest < 0, -vectors, vectors)

    torch.set_default_dtype(dtype)
    try:
        with mock.patch.object(torch.Tensor, "float", lambda stored: stored.to(dtype)), mock.patch.object(torch.linalg, "eigh", signed):
            yield
    finally:
        torch.set_default_dtype(before)


REFERENCES = {
    "LAMB": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/lamb.py", "Lamb", pairs=True),
    "LARS": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/lars.py", "Lars"),
    "Lion": Reference("google/automl", "6a54c87", "lion/lion_pytorch.py", pairs=True),
    "SOAP": Reference("nikhilvyas/SOAP", "a1e5535", "soap.py", own_type=True),
    "AdEMAMix": Reference("apple/ml-ademamix", "c3d73c0", "pytorch/ademamix.py"),
    "Adan": Reference("sail-sg/Adan", "2c65bea", "adan.py", fixed={"foreach": False}),
    "ADOPT": Reference("iShohei220/adopt", "6468572", "src/adopt/adopt.py", fixed={"foreach": False}, renamed={
        "clip_exponent": lambda c, _: ("clip_lambda", None if c is None else lambda step: step**c)}),
    "SGDScheduleFree": Reference("facebookresearch/schedule_free", "70785b5", "schedulefree/sgd_schedulefree.py", fixed={"foreach": False}, begin="train", pairs=True),
    "AdamWScheduleFree": Reference("facebookresearch/schedule_free", "70785b5", "schedulefree/adamw_schedulefree.py", fixed={"foreach": False}, begin="train", count="k"),
    "RAdamScheduleFree": Reference("facebookresearch/schedule_free", "70785b5", "schedulefree/radam_schedulefree.py", fixed={"foreach": False}, begin="train", count="k"),
    "AdaBelief": Reference("juntang-zhuang/Adabelief-Optimizer", "2855178", "pypi_packages/adabelief_pytorch0.2.1/adabelief_pytorch/AdaBelief.py",
                           fixed={"print_change_log": False}, stubs=("tabulate", "colorama")),
    "Prodigy": Reference("konstmish/prodigy", "3efb213", "prodigyopt/prodigy.py", pairs=True),
    "DAdaptAdam": Reference("facebookresearch/dadaptation", "c984980", "dadaptation/dadapt_adam.py", pairs=True),
    "MARS": Reference("AGI-Arena/MARS", "4831e28", "MARS/optimizers/mars.py", unused=mars_unused, renamed={
        "lr_1d_factor": lambda factor, options: ("lr_1d", factor * options.get("lr", 3e-3))}),
    "StableAdamW": Reference("warner-benjamin/optimi", "17a3d54", "optimi/stableadamw.py", fixed={"kahan_sum": False, "foreach": False, "triton": False},
                             unused=lambda options, shape: {"eps_sq"}, renamed={
        "beta1": lambda beta, options: ("betas", (beta, options.get("beta2", 0.99))),
        "beta2": lambda beta, options: ("betas", (options.get("beta1", 0.9), beta))}),
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
    if module not in sys.modules:  # its folder alone, for what it imports from beside it: without what the whole package would import
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = [str(path.parent)]
        sys.path[:0] = [str(path.parent), str(pathlib.Path(folder) / reference.repository)]
        sys.modules.update({stub: mock.MagicMock() for stub in reference.stubs})
        importlib.import_module(module)
        for stub in reference.stubs:
            del sys.modules[stub]
        del sys.path[:2]
    kind = getattr(sys.modules[module], reference.kind or name)

    def make(groups, **options):
        with contextlib.redirect_stdout(io.StringIO()):  # some greet
            optimizer = kind(groups, **reference.arguments(options))
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
