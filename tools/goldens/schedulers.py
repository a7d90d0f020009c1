"""The learning-rate schedules, a line each, and how a case of kind "scheduler" is run in PyTorch."""
import contextlib
import copy
import math
import random
import types
from unittest import mock

import torch
from torch.optim import lr_scheduler, swa_utils

STEPS = 64
FUNCTIONS = {"0.95**e": lambda e: 0.95**e, "1/(1+e)": lambda e: 1 / (1 + e), "1.0": lambda e: 1.0, "e<3": lambda e: e < 3}
ONE, TWO, THREE = [{}], [{}, {"lr": 0.5}], [{"lr": 0.05}, {}, {"lr": 0.3}]


def schedule(scheduler, groups=TWO, optimizer="SGD", options=None, steps=STEPS, **more):
    """`more`: set, metrics, epochs as in the format."""
    return {"kind": "scheduler", "name": None, "torch": None, "optimizer": optimizer, "options": options or {"lr": 0.1},
            "groups": groups, "scheduler": scheduler, **more, "steps": steps}


def step(size, gamma=0.1):
    return {"type": "StepLR", "step_size": size, "gamma": gamma}


def multi_step(milestones, gamma=0.1):
    return {"type": "MultiStepLR", "milestones": milestones, "gamma": gamma}


def exponential(gamma):
    return {"type": "ExponentialLR", "gamma": gamma}


def constant(factor, total):
    return {"type": "ConstantLR", "factor": factor, "total_iters": total}


def linear(start, total, end=1.0):
    return {"type": "LinearLR", "start_factor": start, "end_factor": end, "total_iters": total}


def polynomial(total, power=1.0):
    return {"type": "PolynomialLR", "total_iters": total, "power": power}


def cosine(period, eta_min=0.0):
    return {"type": "CosineAnnealingLR", "T_max": period, "eta_min": eta_min}


def hand_set(at):
    return {str(k): [{"group": group, "lr": lr}] for k, (group, lr) in at.items()}


STEP_LR = {
    "default_gamma": schedule({"type": "StepLR", "step_size": 3}),
    "every_10": schedule(step(10)),
    "every_step": schedule(step(1, 0.95), THREE),
    "growing": schedule(step(7, 1.5)),
    "one_group": schedule(step(25, 0.3), ONE),
    "adam": schedule(step(9, 0.5), optimizer="Adam"),
    "set": schedule(step(8, 0.5), set=hand_set({3: (0, 0.07), 8: (1, 0.9), 40: (0, 1.0)})),
}
COSINE_ANNEALING_LR = {
    "T_max_4": schedule(cosine(4, 0.01)),
    "T_max_5_to_zero": schedule({"type": "CosineAnnealingLR", "T_max": 5}),
    "T_max_10_tiny": schedule(cosine(10, 1e-10)),
    "T_max_64": schedule(cosine(64, 0.001), THREE),
    "T_max_100": schedule(cosine(100)),
    "T_max_1": schedule(cosine(1, 0.02)),
    "eta_min_near_lr": schedule(cosine(7, 0.0999), ONE),
    "eta_min_above_lr": schedule(cosine(9, 0.2), ONE),
    "adamw": schedule(cosine(20, 0.01), optimizer="AdamW"),
    "set": schedule(cosine(16, 0.01), set=hand_set({5: (0, 0.3), 20: (1, 0.05)})),
}
SCHEDULES = {"StepLR": STEP_LR, "CosineAnnealingLR": COSINE_ANNEALING_LR}


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
    for k in range(case["steps"]):
        for change in case.get("set", {}).get(str(k), []):
            change = dict(change)
            optimizer.param_groups[change.pop("group")].update(change)
        record["lr"].append([float(group["lr"]) for group in optimizer.param_groups])
        if momentum:
            values = [group[momentum] for group in optimizer.param_groups]
            record[momentum].append([float(value[0] if momentum == "betas" else value) for value in values])
        observe(scheduler, record["lr"][-1])
        if k + 1 == case["steps"]:
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
    case = copy.deepcopy(case) | {"name": name, "torch": torch.__version__.split("+")[0]}
    record = run(case)
    worst = max(drift(case), *(difference(record, run_jittered(case, seed)) for seed in range(3)))
    if worst > 5e-13:
        raise RuntimeError(f"too sensitive to rounding: {worst:.1e} relative")
    del case["steps"]
    return case | record


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
        return value * (1 + rng.choice((-1, 0, 1)) * 2.0**-52) if isinstance(value, float) else value

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
