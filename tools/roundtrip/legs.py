"""legs.py JOBS.json RESULTS.json: runs parts of trainings with the PyTorch at hand, from checkpoint file to checkpoint file.

A job is {"id", "case", "from": file or null, "to": file, "first", "last"}: the steps from `first` to before `last` of a case, which is a golden case
without answers (tests/goldens/README.md). It needs the modules of tools/goldens beside it.
"""
import inspect
import json
import re
import sys
import warnings

import torch
from torch.optim import swa_utils

from encoding import tensor
from replay import BY_NAME, default_dtype
from schedule_run import build

VERSION = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])


class Lacking(Exception):
    """This PyTorch has no such class or option."""


def options_of(options):
    """JSON has no tuples, and its 0 is an int."""
    return {key: tuple(float(x) if isinstance(x, int) else x for x in value) if isinstance(value, list) else value for key, value in options.items()}


def gradient(entry, shape, dtype):
    if isinstance(entry, list):
        return tensor(entry, shape, dtype)
    rows = torch.stack([tensor(row, shape[1:], dtype) for row in entry["rows"]])
    return torch.sparse_coo_tensor([entry["indices"]], rows, shape)


def optimizer(case, saved, first, last):
    kind = getattr(torch.optim, case["optimizer"], None)
    if kind is None:
        raise Lacking(case["optimizer"])
    known = inspect.signature(kind).parameters
    for option in [*case["options"], *(option for group in case["groups"] for option in group["options"])]:
        if option not in known:
            raise Lacking(f"{case['optimizer']}'s {option}")
    if "lr" not in case["options"] and not isinstance(known["lr"].default, (int, float, torch.Tensor)):
        raise Lacking(f"{case['optimizer']}'s default rate")
    own = BY_NAME[case["dtype"]]
    with default_dtype(own):
        groups = [{"params": [tensor(p["values"], p["shape"], own).requires_grad_() for p in group["params"]], **options_of(group["options"])}
                  for group in case["groups"]]
        parameters = [parameter for group in groups for parameter in group["params"]]
        made = kind(groups, **options_of(case["options"]), **({"foreach": False} if "foreach" in known else {}))
        if saved:
            with torch.no_grad():
                for i, parameter in enumerate(parameters):
                    parameter.copy_(saved["model"][f"p{i}"])
            made.load_state_dict(saved["optimizer"])
        for step in case["steps"][first:last]:
            if "curvature" in step:
                made.step(lambda: bowl(made, parameters, step))
                continue
            for parameter, entry in zip(parameters, step["grads"]):
                parameter.grad = gradient(entry, list(parameter.shape), own)
            made.step()
        return {"model": {f"p{i}": parameter.detach() for i, parameter in enumerate(parameters)}, "optimizer": made.state_dict()}


def bowl(made, parameters, step):
    """The loss ½c(p − a)² + ¼(p − a)⁴, summed."""
    made.zero_grad()
    loss = 0
    for parameter, c, a in zip(parameters, step["curvature"], step["centre"]):
        distance = parameter - tensor(a, list(parameter.shape), parameter.dtype)
        loss = loss + (tensor(c, list(parameter.shape), parameter.dtype) * distance**2 / 2 + distance**4 / 4).sum()
    loss.backward()
    return loss


def scheduler(case, saved, first, last):
    groups = [{"params": [torch.ones(1, requires_grad=True)], **group} for group in case["groups"]]
    made = getattr(torch.optim, case["optimizer"])(groups, **options_of(case["options"]))
    built = build(case["scheduler"], made)
    built = built if isinstance(built, list) else [built]
    if saved:
        made.load_state_dict(saved["optimizer"])
        for one, state in zip(built, saved["schedulers"]):
            one.load_state_dict(state)
    rates = []
    for k in range(first, last):
        for change in case.get("set", {}).get(str(k), []):
            change = dict(change)
            made.param_groups[change.pop("group")].update(change)
        rates.append([float(group["lr"]) for group in made.param_groups])
        for group in made.param_groups:
            group["params"][0].grad = torch.zeros(1)
        made.step()
        for one in built:
            if isinstance(one, torch.optim.lr_scheduler.ReduceLROnPlateau):
                one.step(float(case["metrics"][k]))
            elif case.get("epochs"):
                one.step(case["epochs"][k])
            else:
                one.step()
    return {"optimizer": made.state_dict(), "schedulers": [one.state_dict() for one in built], "rates": rates}


class Model(torch.nn.Module):
    def __init__(self, dtype, parameters, buffers):
        super().__init__()
        for i, shape in enumerate(parameters):
            self.register_parameter(f"p{i}", torch.nn.Parameter(torch.zeros(shape, dtype=dtype)))
        for i, shape in enumerate(buffers):
            self.register_buffer(f"b{i}", torch.zeros(shape, dtype=dtype))


def average_of(case):
    kind, decay = case["average"], case.get("decay", 0.1)  # PyTorch's documentation has an example with 0.1
    if kind in ("ema", "ema_per_tensor") and VERSION >= (2, 1):
        return {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(decay)} if kind == "ema" else {"avg_fn": swa_utils.get_ema_avg_fn(decay)}
    return {} if kind.startswith("equal") else {"avg_fn": lambda average, new, _: decay * average + (1 - decay) * new}


def averaging(case, saved, first, last):
    own = BY_NAME[case["dtype"]]
    with default_dtype(own):
        model = Model(own, case["parameters"], case["buffers"])
        averaged = swa_utils.AveragedModel(model, use_buffers=case["use_buffers"], **average_of(case))
        if saved:
            averaged.load_state_dict(saved["averaged"])
        tensors = [*model.parameters(), *model.buffers()]
        for update in case["updates"][first:last]:
            with torch.no_grad():
                for to, numbers in zip(tensors, update["model"]):
                    to.copy_(tensor(numbers, list(to.shape), own))
            averaged.update_parameters(model)
        return {"averaged": averaged.state_dict()}


def load(path):
    # 1.13's weights_only knows no floats
    return torch.load(path, weights_only=True) if VERSION >= (2, 0) else torch.load(path)


def main(jobs, results):
    warnings.simplefilter("ignore")
    with open(jobs) as file:
        jobs = json.load(file)
    report = {"torch": re.match(r"\d+(\.\d+)+", torch.__version__)[0], "errors": {}, "lacking": {}}
    for job in jobs["jobs"]:
        case = jobs["cases"][job["case"]]
        try:
            saved = load(job["from"]) if job["from"] else None
            torch.save({"optimizer": optimizer, "scheduler": scheduler, "averaging": averaging}[case["kind"]](case, saved, job["first"], job["last"]), job["to"])
        except Lacking as e:
            report["lacking"][job["case"]] = str(e)
        except Exception as e:
            report["errors"][job["id"]] = f"{type(e).__name__}: {e}"
    with open(results, "w") as file:
        json.dump(report, file)


main(*sys.argv[1:])
