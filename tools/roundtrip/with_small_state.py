"""Goes on with a run in torchao or bitsandbytes: python3 with_small_state.py LIBRARY KIND FILE, where FILE has parameters, gradients and an optimizer's state dict in the library's layout.

Leaves KIND.pt in the same folder, with the parameters after each further step, and the state in the end."""

import importlib
import os
import pathlib
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # the same arithmetic, without a compiler
import torch

library, kind, file = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
optim = importlib.import_module(f"{library}.optim")
run = torch.load(file, weights_only=True)
parameters = {name: torch.nn.Parameter(value) for name, value in run["parameters"].items()}
optimizer = getattr(optim, kind)(parameters.values(), lr=1e-3, **({"momentum": 0.5} if kind.startswith("SGD") else {}))  # which the state replaces
optimizer.load_state_dict(run["optimizer"])
steps = []
for gradients in run["gradients"]:
    for name, p in parameters.items():
        p.grad = gradients[name]
    optimizer.step()
    steps.append({name: p.detach().clone() for name, p in parameters.items()})
torch.save({"parameters": steps, "optimizer": optimizer.state_dict()}, file.with_name(f"{kind}.pt"))
