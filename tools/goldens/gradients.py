"""Clipping by norm and by value, and the loss scaler: cases of kind "gradients" and "grad_scaler"."""
import random

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from encoding import DTYPES, NAMES, finite, flat, tensor

TORCH = torch.__version__.split("+")[0]
SHAPES = [[3, 5], [], [7], [0], [2, 3, 4], [1]]
INF, NAN = float("inf"), float("nan")

# One tensor of each real type, as a model with layers of mixed precision has them.
MIXED = ["f32", "f64", "bf16", "f32", "f16"]


def numbers(rng, dtype, count, size=1.0):
    def draw():
        return round(rng.gauss(0, size), 4)
    drawn = [[draw(), draw()] if dtype.is_complex else draw() for _ in range(count)]
    return flat(tensor(drawn, [count], dtype))


def parameter(rng, name, shape, size=1.0):
    dtype = DTYPES[name]
    return {"dtype": NAMES[dtype], "shape": shape, "grad": numbers(rng, dtype, torch.Size(shape).numel(), size)}


def parameters(name, seed, shapes=SHAPES, size=1.0):
    rng = random.Random(seed)
    return [parameter(rng, name, shape, size) for shape in shapes]


def to_gradient(p):
    dtype = getattr(torch, p["dtype"])
    grad = p["grad"]
    if grad is None:
        return None
    if isinstance(grad, dict):
        rows = tensor([x for row in grad["rows"] for x in row], [len(grad["indices"]), *p["shape"][1:]], dtype)
        return torch.sparse_coo_tensor(torch.tensor([grad["indices"]], dtype=torch.int64), rows, p["shape"])
    return tensor(grad, p["shape"], dtype)


def to_parameter(p):
    made = torch.zeros(p["shape"], dtype=getattr(torch, p["dtype"]), requires_grad=True)
    made.grad = to_gradient(p)
    return made


def gradient_after(made):
    return None if made.grad is None else flat(made.grad.to_dense() if made.grad.is_sparse else made.grad)


def gradients_case(name, given, **operation):
    case = {"kind": "gradients", "name": f"gradients/{name}", "torch": TORCH, "params": given,
            **{key: {k: finite(v) for k, v in value.items()} if isinstance(value, dict) else finite(value) for key, value in operation.items()}}
    made = [to_parameter(p) for p in given]
    if "clip_norm" in operation:
        case["norm"] = finite(float(clip_grad_norm_(made, **operation["clip_norm"])))
    else:
        clip_grad_value_(made, operation["clip_value"])
    case["grads"] = [gradient_after(p) for p in made]
    return case


def sparse(rng, dtype, indices, width):
    return {"dtype": NAMES[DTYPES[dtype]], "shape": [6, width],
            "grad": {"indices": indices, "rows": [numbers(rng, DTYPES[dtype], width) for _ in indices]}}


def gradient_cases():
    rng = random.Random(9)
    for p, name in [(2.0, "2"), (1.0, "1"), (INF, "inf"), (3.0, "3"), (0.5, "half"), (0.0, "0"), (-1.0, "minus_1"), (-INF, "minus_inf"), (1.7, "1_7")]:
        shapes = [shape for shape in SHAPES if shape != [0]] if p < 0 or p == INF else SHAPES  # PyTorch has no such norm of nothing
        for dtype in DTYPES:
            if p in (2.0, 1.0, INF) or dtype in ("f32", "f64", "c64"):
                yield f"norm_{name}_{dtype}", lambda p=p, d=dtype, s=shapes: (parameters(d, 1, s), {"clip_norm": {"max_norm": 1.0, "norm_type": p}})
    yield "loose_f32", lambda: (parameters("f32", 2), {"clip_norm": {"max_norm": 1000.0, "norm_type": 2.0}})
    yield "equal_f32", lambda: ([{"dtype": "float32", "shape": [2], "grad": [3.0, 4.0]}], {"clip_norm": {"max_norm": 5.0, "norm_type": 2.0}})
    yield "to_zero_f64", lambda: (parameters("f64", 3), {"clip_norm": {"max_norm": 0.0, "norm_type": 2.0}})
    yield "zeros_f32", lambda: ([p | {"grad": [0.0] * len(p["grad"])} for p in parameters("f32", 4)], {"clip_norm": {"max_norm": 1.0, "norm_type": 2.0}})
    yield "none_f32", lambda: ([p | {"grad": None} for p in parameters("f32", 5)], {"clip_norm": {"max_norm": 1.0, "norm_type": 2.0}})
    yield "some_f32", lambda: ([p | ({"grad": None} if i % 2 else {}) for i, p in enumerate(parameters("f32", 6))], {"clip_norm": {"max_norm": 0.5, "norm_type": 2.0}})
    yield "mixed", lambda: ([parameter(random.Random(7 + i), d, [4, 3]) for i, d in enumerate(MIXED)], {"clip_norm": {"max_norm": 0.75, "norm_type": 2.0}})
    yield "large_f32", lambda: ([parameter(random.Random(8), "f32", [5000, 3])], {"clip_norm": {"max_norm": 2.0, "norm_type": 2.0}})
    for bad, name in [(NAN, "nan"), (INF, "inf"), (-INF, "minus_inf")]:
        for dtype in ("f32", "bf16", "f64"):
            yield f"{name}_{dtype}", lambda b=bad, d=dtype: (
                [p | {"grad": [finite(b), *p["grad"][1:]]} if i == 2 else p for i, p in enumerate(parameters(d, 10))],
                {"clip_norm": {"max_norm": 1.0, "norm_type": 2.0}})
    for dtype in ("f32", "f64", "bf16"):
        yield f"sparse_{dtype}", lambda d=dtype: (
            [sparse(random.Random(11), d, [4, 0, 2], 3), parameter(random.Random(12), d, [4])], {"clip_norm": {"max_norm": 1.0, "norm_type": 2.0}})
    for dtype in ("f32", "f64"):
        yield f"sparse_repeated_{dtype}", lambda d=dtype: (
            [sparse(random.Random(13), d, [4, 0, 4, 4, 1, 0], 3), parameter(random.Random(14), d, [4])], {"clip_norm": {"max_norm": 1.0, "norm_type": 2.0}})
    for dtype in ("f32", "f64", "bf16", "f16"):
        yield f"value_{dtype}", lambda d=dtype: (parameters(d, 15), {"clip_value": 0.7})
    yield "value_specials_f32", lambda: ([{"dtype": "float32", "shape": [6], "grad": ["nan", "inf", "-inf", -0.0, 0.5, -3.0]}], {"clip_value": 1.0})
    yield "value_zero_f64", lambda: (parameters("f64", 16), {"clip_value": 0.0})


def scaler_case(name, settings, steps, dtype="f32", optimizer="SGD", options=None):
    rng = random.Random(17)
    dtype = DTYPES[dtype]
    shapes = [[3], [2, 2]]
    options = options or {"lr": 0.25, "momentum": 0.5}
    case = {"kind": "grad_scaler", "name": f"gradscaler/{name}", "torch": TORCH, "optimizer": optimizer, "options": options, "settings": settings,
            "dtype": NAMES[dtype], "params": [{"shape": s, "values": numbers(rng, dtype, torch.Size(s).numel())} for s in shapes], "steps": []}
    made = [tensor(p["values"], p["shape"], dtype).requires_grad_() for p in case["params"]]
    optimizer = getattr(torch.optim, optimizer)(made, **options)
    count = 0

    def counted(*_):
        nonlocal count
        count += 1
    optimizer.register_step_post_hook(counted)
    scaler = torch.amp.GradScaler("cpu", **settings)
    scaler.scale(torch.zeros(()))  # which makes its state
    for given in steps:
        given = dict(given)
        bad = given.pop("bad", None)
        grads = [numbers(rng, dtype, p.numel(), 100.0) for p in made]
        if bad is not None:
            grads[1][2] = finite(bad)
        step = {"grads": grads, **{k: v for k, v in given.items()}}
        for p, grad in zip(made, grads):
            p.grad = tensor(grad, p.shape, dtype)
        before = count
        if "clip_norm" in given or given.get("unscale"):
            scaler.unscale_(optimizer)
        if "clip_norm" in given:
            clip_grad_norm_(made, given["clip_norm"])
        scaler.step(optimizer)
        step["grads_after"] = [flat(p.grad) for p in made]
        scaler.update(given.get("new_scale"))
        case["steps"].append(step | {"stepped": count > before, "params": [flat(p) for p in made], "state": scaler.state_dict()})
    return case


def scaler_cases():
    fine, overflow, nan = {}, {"bad": INF}, {"bad": NAN}
    yield "default_f32", lambda n: scaler_case(n, {}, [fine, overflow, fine, nan, {"bad": -INF}, fine])
    yield "growth_f32", lambda n: scaler_case(n, {"init_scale": 8.0, "growth_interval": 2}, [fine, fine, fine, overflow, fine, fine, fine, fine])
    yield "odd_factors_f64", lambda n: scaler_case(n, {"init_scale": 3.3, "growth_factor": 1.7, "backoff_factor": 0.3, "growth_interval": 3},
                                                   [fine, fine, fine, overflow, fine, overflow, overflow, fine, fine, fine], "f64")
    yield "each_step_f32", lambda n: scaler_case(n, {"init_scale": 1.0, "growth_interval": 1}, [fine] * 6 + [overflow] * 3)
    yield "limit_f32", lambda n: scaler_case(n, {"init_scale": 1e38, "growth_factor": 3.0, "growth_interval": 1}, [fine] * 3)
    yield "clipped_f32", lambda n: scaler_case(n, {"init_scale": 1024.0}, [{"clip_norm": 0.01}, {"clip_norm": 0.5}, overflow | {"clip_norm": 0.01}, {"unscale": True}, fine])
    yield "new_scale_f32", lambda n: scaler_case(n, {"init_scale": 1024.0, "growth_interval": 3}, [fine, fine | {"new_scale": 12.5}, fine, fine, overflow | {"new_scale": 7.0}, fine])
    yield "bf16", lambda n: scaler_case(n, {"init_scale": 100.0, "growth_interval": 2}, [fine, fine, overflow, fine], "bf16", options={"lr": 0.25})
    yield "adamw_f32", lambda n: scaler_case(n, {"init_scale": 4096.0}, [fine, nan, fine, {"clip_norm": 0.1}], optimizer="AdamW", options={"lr": 0.01, "foreach": False, "fused": False})


def cases():
    for name, make in gradient_cases():
        def gradients(name=name, make=make):
            given, operation = make()
            return gradients_case(name, given, **operation)
        yield f"gradients/{name}", gradients
    for name, make in scaler_cases():
        yield f"gradscaler/{name}", lambda name=name, make=make: make(name)
