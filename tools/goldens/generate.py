#!/usr/bin/env python3
"""Makes the golden cases with PyTorch: generate.py [--output FOLDER] [--only NAME ...]"""
import argparse
import os
import pathlib
import sys
import warnings

os.environ["ATEN_CPU_CAPABILITY"] = "default"  # the same kernels on every CPU, so that the same bytes come out

import torch

import averaging
import gradients
import lbfgs
import optimizers
import schedule_run
from encoding import dump
from references import REFERENCES
from replay import replay, sensitivity, started
from scenarios import inputs, scenarios

TORCH = torch.__version__.split("+")[0]
ATTEMPTS = 200


def optimizer_case(o, scenario, dtype):
    """The first seed whose numbers do not hang on the order of rounding."""
    least = (float("inf"), "")
    for attempt in range(ATTEMPTS):
        case = inputs(o, scenario, dtype, attempt) | {"torch": TORCH}
        if o.reference in REFERENCES:
            case["reference"] = str(REFERENCES[o.reference])
        if scenario.warm:
            case = started(case, scenario.warm)
        outcomes = list(replay(case))
        if repr(outcomes) != repr(list(replay(case))):
            raise RuntimeError(f"{case['name']}: a second run gives other numbers")
        case["steps"] = [step | outcome for step, outcome in zip(case["steps"], outcomes, strict=True)]
        used, where = sensitivity(case, scenario.overflows)
        if used < (0.8 if dtype in ("bf16", "f16") else 0.5):
            return case
        least = min(least, (used, where))
    raise RuntimeError("too sensitive to rounding: uses {:.2g} of the tolerance at {}".format(*least))


def cases():
    """(name, maker) of every case."""
    for o in optimizers.OPTIMIZERS:
        for scenario in scenarios(o):
            for dtype in scenario.dtypes:
                yield o.case(scenario.name, dtype), lambda o=o, s=scenario, d=dtype: optimizer_case(o, s, d)
    yield from lbfgs.cases()
    yield from schedule_run.cases()
    yield from gradients.cases()
    yield from averaging.cases()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parents[2] / "tests" / "goldens")
    arguments.add_argument("--only", metavar="NAME", nargs="+", help="folders (adam) or cases (adam/default_f32)")
    arguments = arguments.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)

    def wanted(name):
        return not arguments.only or name in arguments.only or name.split("/")[0] in arguments.only

    made, left_out, failed, size = set(), [], [], 0
    for name, make in cases():
        if not wanted(name):
            continue
        if name in made:
            raise RuntimeError(f"two cases are called {name}")
        try:
            case = make()
        except Exception as problem:
            failed.append(name)
            made.add(name)
            print(f"{name}: {problem}", file=sys.stderr)
            continue
        if case is None:
            left_out.append(name)
            continue
        made.add(name)
        text = dump(case)
        path = arguments.output / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        size += len(text)
    if not made and not left_out:
        raise SystemExit(f"no case is called {' or '.join(arguments.only)}")
    stale = [path for path in arguments.output.rglob("*.json")
             if wanted(name := path.relative_to(arguments.output).with_suffix("").as_posix()) and name not in made]
    for path in stale:
        path.unlink()
    print(f"{len(made) - len(failed)} cases, {size / 1e6:.2f} MB; {len(stale)} old ones removed")
    if left_out:
        print("left out, as rounding decides their path:", ", ".join(left_out))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
