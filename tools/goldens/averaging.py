"""Averages of models: torch.optim.swa_utils.AveragedModel after each of ten updates."""
import random
import zlib

import torch
from torch.optim import swa_utils

from encoding import DTYPES, HALF, NAMES, flat, tensor
from scenarios import count, flat_numbers

UPDATES = 10
PARAMETERS = ([2, 3], [], [17])
BUFFERS = ([5], [2, 2])
DECAY = 0.9
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5, torch.complex64: 1e-5, torch.bfloat16: 2**-6, torch.float16: 2**-9}

AVERAGES = {
    "equal": {},
    "equal_multi": {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()},
    "ema": {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(DECAY)},
    "ema_per_tensor": {"avg_fn": swa_utils.get_ema_avg_fn(DECAY)},
    "documentation": {"avg_fn": lambda average, model, n: 0.1 * average + 0.9 * model},  # the example of PyTorch's documentation
}


class Model(torch.nn.Module):
    def __init__(self, dtype, parameters, buffers):
        super().__init__()
        for i, shape in enumerate(parameters):
            self.register_parameter(f"p{i}", torch.nn.Parameter(torch.zeros(shape, dtype=dtype)))
        for i, shape in enumerate(buffers):
            self.register_buffer(f"b{i}", torch.zeros(shape, dtype=dtype))


def case(name, average, use_buffers, dtype_name):
    """The first seed whose averages do not hang on the order of rounding."""
    for attempt in range(200):
        made = run(name, average, use_buffers, dtype_name, attempt)
        if sensitivity(made, DTYPES[dtype_name]) < (0.8 if dtype_name in ("bf16", "f16") else 0.5):
            return made
    raise RuntimeError("too sensitive to rounding")


def run(name, average, use_buffers, dtype_name, attempt):
    torch.set_default_dtype(torch.float64 if dtype_name == "f64" else torch.float32)
    dtype = DTYPES[dtype_name]
    seed = zlib.crc32(f"averagedmodel/{average}".encode()) % 2**24 + attempt
    rng = random.Random(seed)
    low, high = (0.5, 1.5) if dtype in HALF else (0.1, 2.0)
    parameters = [shape for shape in PARAMETERS if not (dtype.is_complex and shape == [])]
    shapes = parameters + list(BUFFERS)
    model = Model(dtype, parameters, BUFFERS)
    averaged = swa_utils.AveragedModel(model, use_buffers=use_buffers, **AVERAGES[average])
    updates = []
    for _ in range(UPDATES):
        numbers = [flat_numbers(rng, count(shape), dtype, low, high, 1.0, 0.05) for shape in shapes]
        with torch.no_grad():
            for to, values, shape in zip([*model.parameters(), *model.buffers()], numbers, shapes, strict=True):
                to.copy_(tensor(values, shape, dtype))
        averaged.update_parameters(model)
        after = [*averaged.module.parameters(), *averaged.module.buffers()]
        updates.append({"model": numbers, "n_averaged": int(averaged.n_averaged), "average": [flat(x.detach()) for x in after]})
    torch.set_default_dtype(torch.float32)
    return {"kind": "averaging", "name": name, "torch": torch.__version__.split("+")[0], "seed": seed, "dtype": NAMES[dtype], "average": average,
            **({"decay": DECAY} if average.startswith("ema") else {}), "use_buffers": use_buffers,
            "parameters": parameters, "buffers": list(BUFFERS), "updates": updates}


def sensitivity(made, dtype):
    """How much of the tolerance it takes when averages are computed in double precision and rounded once an update."""
    wide = torch.complex128 if dtype.is_complex else torch.float64
    averaged, worst = [None] * len(made["updates"][0]["model"]), 0.0
    for n, update in enumerate(made["updates"]):
        for i, numbers in enumerate(update["model"]):
            model = tensor(numbers, [-1], dtype).to(wide)
            if n == 0 or i >= len(made["parameters"]) and not made["use_buffers"]:
                averaged[i] = model
            else:
                weight = {"equal": 1 / (n + 1), "ema": 1 - DECAY, "documentation": 0.9}[made["average"].split("_")[0]]
                averaged[i] = (averaged[i] + weight * (model - averaged[i])).to(dtype).to(wide)
            theirs = tensor(update["average"][i], [-1], dtype).to(wide)
            # Parts of complex numbers count by themselves, as in the tests.
            a, b = (torch.view_as_real(x) if dtype.is_complex else x for x in (averaged[i], theirs))
            worst = max(worst, ((a - b).abs().max() / b.abs().max() / TOLERANCES[dtype]).item())
    return worst


def cases():
    """(name, maker) of every case."""
    for average in AVERAGES:
        for use_buffers in (False, True):
            for dtype in ("f64", "f32", "bf16", "f16", "c64"):
                name = f"averagedmodel/{average}{'_buffers' if use_buffers else ''}_{dtype}"
                yield name, lambda n=name, a=average, b=use_buffers, d=dtype: case(n, a, b, d)
