"""Runs a schedule in PyTorch: the rates before each step, and whether they hang on the last bit."""
import contextlib
import math
import random
import types
from unittest import mock

import torch
from torch.optim import lr_scheduler, swa_utils

from encoding import finite
from schedulers import SCHEDULES, STEPS

FUNCTIONS = {"0.95**e": lambda e: 0.95**e, "1/(1+e)": lambda e: 1 / (1 + e), "1.0": lambda e: 1.0, "e<3": lambda e: e < 3}


def build(spec, optimizer):
    """The scheduler of a specification; a list of them for "Together"."""
    spec = dict(spec)
    kind = spec.pop("type")
    children = [build(child, optimizer) for child in spec.pop("schedulers", [])]
    if kind == "Together":
        return children
    kind = getattr(lr_scheduler, kind, None) or getattr(swa_utils, kind)
    if children:
        return kind(schedulers=children, optimizer=optimizer, **spec)
    if "lambdas" in spec:
        spec["lr_lambda"] = [FUNCTIONS[name] for name in spec.pop("lambdas")]
    return kind(optimizer, **spec)


def cycled(spec):
    """Whether the schedule moves momentum, too."""
    own = spec["type"] in ("CyclicLR", "OneCycleLR") and spec.get("cycle_momentum", True)
    return own or any(cycled(child) for child in spec.get("schedulers", []))


def run(case, after_step=lambda group: None, observe=lambda scheduler, rates: None):
    """The rates before each step (and momentum or first beta)."""
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in case["options"].items()}
    groups = [{"params": [torch.ones(1, requires_grad=True)], **group} for group in case["groups"]]
    optimizer = getattr(torch.optim, case["optimizer"])(groups, **options)
    scheduler = build(case["scheduler"], optimizer)
    momentum = ("betas" if "betas" in optimizer.defaults else "momentum") if cycled(case["scheduler"]) else None
    record = {"lr": [], **({momentum: []} if momentum else {})}
    for k in range(STEPS):
        for change in case.get("set", {}).get(str(k), []):
            change = dict(change)
            optimizer.param_groups[change.pop("group")].update(change)
        record["lr"].append([float(group["lr"]) for group in optimizer.param_groups])
        if momentum:
            values = [group[momentum] for group in optimizer.param_groups]
            record[momentum].append([float(value[0] if momentum == "betas" else value) for value in values])
        observe(scheduler, record["lr"][-1])
        if k + 1 == STEPS:
            break
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.zeros(1)
        optimizer.step()
        for one in scheduler if isinstance(scheduler, list) else [scheduler]:
            if isinstance(one, lr_scheduler.ReduceLROnPlateau):
                one.step(float(case["metrics"][k]))
            elif case.get("epochs"):
                one.step(case["epochs"][k])
            else:
                one.step()
        for group in optimizer.param_groups:
            after_step(group)
    return record


def complete(name, case):
    """The case with PyTorch's answers; refused where they hang on the last bit."""
    record = run(case)
    worst = max(drift(case), *(difference(record, run_jittered(case, seed)) for seed in range(3)))
    if worst > 5e-13:
        raise RuntimeError(f"too sensitive to rounding: {worst:.1e} relative")
    if "metrics" in case:
        case = case | {"metrics": [finite(metric) for metric in case["metrics"]]}
    return {"kind": "scheduler", "name": name, "torch": torch.__version__.split("+")[0], **case, **record}


def difference(expected, actual):
    """The largest relative difference of two records."""
    pairs = [(a, b) for key in expected for row in zip(expected[key], actual[key], strict=True) for a, b in zip(*row, strict=True)]
    return max(0.0 if a == b else abs(a - b) / abs(a) if a else math.inf for a, b in pairs)


def drift(case):
    """How far the recursion runs away from the scheduler's own closed form."""
    worst = [0.0]

    def observe(scheduler, rates):
        if hasattr(scheduler, "_get_closed_form_lr") and "set" not in case:
            closed = [float(rate) for rate in scheduler._get_closed_form_lr()]
            worst.append(difference({"lr": [rates]}, {"lr": [closed]}))
    run(case, observe=observe)
    return max(worst)


def run_jittered(case, seed):
    """With the last bit of each constant, of each cosine and of each stored rate changed at random."""
    rng = random.Random(seed)

    def jitter(value):
        if isinstance(value, dict):
            return {key: jitter(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [jitter(entry) for entry in value]
        return value * (1 + rng.choice((-1, 0, 1)) * 2.0**-52) if isinstance(value, float) and value != 1 else value

    def cos(x):
        return jitter(y) if abs(y := math.cos(x)) < 1 else math.cos(x)

    def after_step(group):
        group["lr"] = jitter(group["lr"])

    with contextlib.ExitStack() as stack:
        for module in (lr_scheduler, swa_utils):
            stack.enter_context(mock.patch.object(module, "math", types.SimpleNamespace(**{**vars(math), "cos": cos})))
        jittered = {key: jitter(case[key]) for key in ("options", "groups", "scheduler")}
        return run(case | jittered, after_step)


def cases():
    for kind, table in SCHEDULES.items():
        for name, case in table.items():
            name = f"{kind.lower()}/{name}"
            yield name, lambda name=name, case=case: complete(name, case)
