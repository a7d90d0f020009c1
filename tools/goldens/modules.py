#!/usr/bin/env python3
"""Goldens of whole modules, for OptimSharp.Torch's tests: modules.py [FOLDER]"""
import json
import os
import pathlib
import sys

os.environ["ATEN_CPU_CAPABILITY"] = "default"  # the same kernels on every CPU, so that the same bytes come out

import torch
from torch.optim import swa_utils

from encoding import flat


def state(module):
    return {name: {"shape": list(x.shape), "values": flat(x) if x.is_floating_point() else x.flatten().tolist()} for name, x in module.state_dict().items()}


def network():
    """As the tests' ConvNet."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3, momentum=0.3), torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, 5), torch.nn.BatchNorm1d(5))


def update_bn():
    """Batch-norm statistics of a convolutional network with fixed weights, over batches of different sizes."""
    torch.manual_seed(5)
    model = network()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, -0.6, 0.6)
    model(torch.randn(4, 1, 8, 8))  # statistics of before, to be forgotten
    before = state(model)
    batches = [torch.randn(n, 1, 8, 8) * (i + 1) / 2 + i / 4 for i, n in enumerate((6, 6, 6, 6, 2))]
    swa_utils.update_bn([(batch, None) for batch in batches], model)
    return {"torch": torch.__version__.split("+")[0], "model": before, "after": state(model),
            "batches": [{"shape": list(batch.shape), "values": flat(batch)} for batch in batches]}


def whole_buffers():
    """Averages of whole numbers, with use_buffers."""
    class Model(torch.nn.Module):
        def __init__(self, dtype):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.register_buffer("count", torch.tensor(0, dtype=dtype))
            self.register_buffer("several", torch.zeros(3, dtype=dtype))

    cases = []
    models = [[x, x, 2 * x, 100 - x] for x in (1, 4, 10, 11, 17, 30, 64)]
    for dtype in ("int64", "int32", "uint8"):
        for average, options in (("equal", {}), ("ema", {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.7)})):
            if (dtype, average) == ("uint8", "equal"):
                continue  # PyTorch's differences wrap around
            model = Model(getattr(torch, dtype))
            averaged, averages = swa_utils.AveragedModel(model, use_buffers=True, **options), []
            for count, *several in models:
                model.count.fill_(count)
                model.several.copy_(torch.tensor(several))
                averaged.update_parameters(model)
                averages.append([averaged.module.count.item(), *averaged.module.several.tolist()])
            cases.append({"dtype": dtype, "average": average, "averages": averages})
    return {"torch": torch.__version__.split("+")[0], "decay": 0.7, "models": models, "cases": cases}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2] / "tests" / "OptimSharp.Torch.Tests" / "Goldens"
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for make in (update_bn, whole_buffers):
        (folder / f"{make.__name__}.json").write_text(json.dumps(make(), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
