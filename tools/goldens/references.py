"""Optimizers that PyTorch has none of: whose code their cases are made with. That code is not kept here, see README.md."""
import importlib
import inspect
import os
import pathlib
import sys
import types
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Reference:
    repository: str                                # owner/name
    commit: str                                    # that the cases were made with
    path: str                                      # of the file, within the repository
    kind: str = ""                                 # the class, when it is not called as ours
    fixed: dict = field(default_factory=dict)      # arguments that choose among its implementations
    pairs: bool = False                            # it does not take complex numbers: it gets pairs of real ones, as PyTorch's optimizers make of them

    def __str__(self):
        return f"{self.repository}@{self.commit}:{self.path}"


REFERENCES = {
    "LAMB": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/lamb.py", "Lamb", pairs=True),
    "LARS": Reference("huggingface/pytorch-image-models", "aa4b585", "timm/optim/lars.py", "Lars"),
    "Lion": Reference("google/automl", "6a54c87", "lion/lion_pytorch.py", pairs=True),
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
    if package not in sys.modules:  # its folder alone, for what it imports from beside it: without what the whole package would import
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = [str(path.parent)]
        sys.path.insert(0, str(path.parent))
        importlib.import_module(f"{package}.{path.stem}")
        sys.path.pop(0)
    return getattr(sys.modules[f"{package}.{path.stem}"], reference.kind or name), reference.fixed
