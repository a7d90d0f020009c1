"""Runs an optimizer case in PyTorch: its inputs in, parameters and state after each step out."""
import contextlib
import dataclasses
import random

import torch
from torch.overrides import TorchFunctionMode

from encoding import DOUBLE, DTYPES, HALF, NAMES, flat, made, scalar_or_list, tensor, whole
from references import REFERENCES, key_of, optimizer_class, products_in

BY_NAME = {name: dtype for dtype, name in NAMES.items()}
ORTHOGONALIZING = ("Muon", "NorMuon")  # their matrix products are made in bfloat16, or in single precision, whatever the type
WIDE = {dtype: torch.complex128 if dtype.is_complex else torch.float64 for dtype in DTYPES.values()}


@contextlib.contextmanager
def default_dtype(dtype):
    """0-dim state (ASGD's eta, NAdam's mu_product) takes the default type, so float64 needs a float64 default."""
    torch.set_default_dtype(torch.float64 if dtype in DOUBLE else torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def options_of(options):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def gradient(entry, shape, dtype):
    if entry is None:
        return None
    if isinstance(entry, list):
        return tensor(entry, shape, dtype)
    rows = [tensor(row, shape[1:], dtype) for row in entry["rows"]]
    rows = torch.stack(rows) if rows else torch.empty([0, *shape[1:]], dtype=dtype)
    return torch.sparse_coo_tensor([entry["indices"]], rows, shape, check_invariants=True)


def started(case, steps):
    """The case without its first steps, from what they left."""
    left = {}

    def watch(parameters, optimizer):
        left["values"] = [flat(parameter) for parameter in parameters]
        left["start"] = [{key: whole(value) for key, value in optimizer.state[parameter].items()} for parameter in parameters]

    for _ in replay({**case, "steps": case["steps"][:steps]}, watch=watch):
        pass
    values = iter(left["values"])
    groups = [{**group, "params": [{**parameter, "values": next(values)} for parameter in group["params"]]} for group in case["groups"]]
    return {**case, "groups": groups, "start": left["start"], "steps": case["steps"][steps:]}


def tensors_of(state):
    """The state's tensors, those in lists, too; not the count of steps."""
    for key, value in (state if isinstance(state, dict) else vars(state)).items():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, torch.Tensor):
                if key != "step":
                    yield part
            elif isinstance(part, dict) or dataclasses.is_dataclass(part):
                yield from tensors_of(part)


def replay(case, dtype=None, settle=None, watch=None):
    """The steps' outcomes. With `dtype` the same numbers run in that type; `settle` then changes what is stored after each step, and `watch` sees it."""
    own = BY_NAME[case["dtype"]]
    dtype = dtype or own
    key = key_of(case)
    kind, fixed = optimizer_class(key)
    reference = REFERENCES.get(key)
    pairs, hidden, counted = (dtype.is_complex and reference.pairs, reference.hidden, reference.count) if reference else (False, (), "step")
    options = options_of(case["options"])
    single = options.pop("ns_float32", False)

    def given(stored):
        return torch.view_as_real(stored) if pairs else stored

    def ours(stored):
        if not pairs or not isinstance(stored, torch.Tensor) or stored.dim() == 0:
            return stored
        return torch.view_as_complex(stored.detach().view(-1, 2) if stored.dim() == 1 else stored.detach())  # some state is flat

    def unused(parameter):
        return reference.unused(case["options"], list(parameter.shape)) if reference and reference.unused else ()

    with default_dtype(own):
        groups, parameters = [], []
        for group in case["groups"]:
            own_parameters = [given(tensor(p["values"], p["shape"], own).to(dtype)).requires_grad_() for p in group["params"]]
            groups.append({"params": own_parameters, **options_of(group.get("options", {}))})
            parameters += own_parameters
        optimizer = kind(groups, **options, **fixed)
        changed = ([] if reference and callable(reference.renamed) else groups) + [change for step in case["steps"] for change in step.get("set", [])]
        if unknown := {key for options in changed for key in options} - {"params", "group"} - optimizer.defaults.keys():
            raise ValueError(f"{case['optimizer']} has no option {', '.join(sorted(unknown))}")  # in a group it would be read over
        for parameter, state in zip(parameters, case.get("start", [])):
            def given_type(value):
                return [given_type(part) for part in value] if isinstance(value, list) else value.to(dtype) if isinstance(value, torch.Tensor) else value
            optimizer.state[parameter] = {key: given_type(made(value, own)) for key, value in state.items()}
        steps = [0] * len(parameters)  # each one's own: some references have a group's
        for step in case["steps"]:
            for change in step.get("set", []):
                change = options_of(change)
                optimizer.param_groups[change.pop("group")].update(change)
            for parameter, entry in zip(parameters, step["grads"], strict=True):
                grad = gradient(entry, list(ours(parameter).shape), own)
                parameter.grad = None if grad is None else given(grad.to(dtype))
            with products_in(key, torch.float32) if single and not settle else contextlib.nullcontext():
                optimizer.step()
            steps = [n + (parameter.grad is not None) for n, parameter in zip(steps, parameters, strict=True)]
            if settle:
                with torch.no_grad():
                    for parameter in parameters:
                        settle(ours(parameter))
                        for stored in tensors_of(optimizer.state[parameter]):
                            settle(ours(stored))
            if watch:
                watch(parameters, optimizer)
            state = optimizer.state_dict()["state"]
            if reference and reference.state:
                places = [(parameter, group) for group in optimizer.param_groups for parameter in group["params"]]
                state = {i: reference.state(optimizer.state[parameter], parameter, group) for i, (parameter, group) in enumerate(places)}
            if counted in optimizer.param_groups[0]:
                state = {i: {"step": float(steps[i]), **entry} for i, entry in state.items()}
            yield {"params": [flat(ours(parameter)) for parameter in parameters],
                   "state": [{key: scalar_or_list(ours(value)) for key, value in state.get(i, {}).items() if value is not None and key not in hidden and key not in unused(parameter)}
                             for i, parameter in enumerate(parameters)]}


def tolerances(case):
    """What the conformance tests allow: of the largest magnitude in a parameter, and in a state tensor."""
    dtype = BY_NAME[case["dtype"]]
    least = (1e-4 if case["options"].get("ns_float32") else 2e-2) if case["optimizer"] in ORTHOGONALIZING else 0
    if dtype in HALF:
        half = (2.0**-6, 2.0**-5) if dtype == torch.bfloat16 else (2.0**-9, 2.0**-8)
        return tuple(max(t, least) for t in half)
    one = max(least, 1e-12 if dtype in DOUBLE else 1e-5)
    return one, one


def jitter(generator, ulp):
    def settle(stored):
        real = torch.view_as_real(stored) if stored.is_complex() else stored
        noise = torch.rand(real.shape, generator=generator, dtype=torch.float64) * 2 - 1
        real.mul_((1 + ulp * noise).to(real.dtype))
    return settle


def rounding(dtype):
    def settle(stored):
        if stored.dtype == WIDE[dtype]:
            stored.copy_(stored.to(dtype))
    return settle


class StoredParameters(TorchFunctionMode):
    """Rounds a parameter whenever PyTorch stores it: it does so after decoupled weight decay, too, and half types show it."""

    def __init__(self, dtype):
        super().__init__()
        self.round = rounding(dtype)
        self.by_data = set()  # where parameters are that are written through their .data

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func == torch.Tensor.data.__get__ and args[0].requires_grad:
            self.by_data.add(result.data_ptr())
        if func.__name__ in ("mul_", "add_", "addcdiv_", "addcmul_", "div_") and (args[0].requires_grad or args[0].data_ptr() in self.by_data):
            self.round(args[0])
        return result


def other_arithmetic(case, overflows):
    """The case again as a correct implementation might compute it, with other roundings between the same stored values."""
    dtype = BY_NAME[case["dtype"]]
    exact = case["optimizer"] in ORTHOGONALIZING and ("reference" in case or "ns_float32" in case["options"])
    if (dtype in DOUBLE and not exact) or overflows:
        ulp = 2.0**-52 if dtype in DOUBLE else 2.0**-23
        yield from replay(case, settle=jitter(torch.Generator().manual_seed(case["seed"]), ulp))
    elif case["optimizer"] in ORTHOGONALIZING:
        with products_in(key_of(case), WIDE[dtype]):
            yield from replay(case, WIDE[dtype], rounding(dtype))
    else:
        if case["optimizer"] == "Adafactor":  # its default epsilon follows the parameter's type
            eps = case["options"].get("eps", [None, 1e-3])
            case = {**case, "options": {**case["options"], "eps": [eps[0] or torch.finfo(dtype).eps, eps[1]]}}
        with StoredParameters(dtype):
            yield from replay(case, WIDE[dtype], rounding(dtype))


def other_arithmetics(case, overflows):
    """All ways to compute it again."""
    yield other_arithmetic(case, overflows)
    if case["optimizer"] in ORTHOGONALIZING and "reference" in case and "ns_float32" not in case["options"]:
        for k in range(4):  # where a matrix is nearly singular, products that are rounded to bfloat16 may turn a direction round: so does a gradient that is rounded otherwise
            rng = random.Random(case["seed"] + k)
            steps = [step | {"grads": [grad and [x * (1 + 2.0**-8 * rng.uniform(-1, 1)) for x in grad] for grad in step["grads"]]} for step in case["steps"]]
            yield replay(case | {"steps": steps})


def pieces(number_or_list):
    for entry in number_or_list if isinstance(number_or_list, list) else [number_or_list]:
        if isinstance(entry, list):
            yield from entry
        else:
            yield entry


def error(expected, actual):
    """The largest difference relative to the largest magnitude; infinite where nan or infinity do not match."""
    expected, actual = [float(x) for x in pieces(expected)], [float(x) for x in pieces(actual)]
    scale, worst = max((abs(x) for x in expected if abs(x) < float("inf")), default=0), 0.0
    for e, a in zip(expected, actual, strict=True):
        if e != a and not (e != e and a != a):
            worst = max(worst, abs(e - a) / scale if scale and abs(e - a) < float("inf") else float("inf"))
    return worst


def sensitivity(case, overflows=False):
    """How much of the tests' tolerance another order of rounding uses up, and where. A golden case stays below one half."""
    for_parameter, for_state = tolerances(case)
    worst, where = 0.0, ""
    for others in other_arithmetics(case, overflows):
        for k, (step, other) in enumerate(zip(case["steps"], others, strict=True)):
            for i, (expected, actual) in enumerate(zip(step["params"], other["params"], strict=True)):
                worst, where = max((worst, where), (error(expected, actual) / for_parameter, f"step {k}, parameter {i}"))
                for key, value in step["state"][i].items():
                    used = error(value, other["state"][i][key]) / for_state
                    worst, where = max((worst, where), (used, f"step {k}, parameter {i}, {key}"))
    return worst, where
