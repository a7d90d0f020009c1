"""The L-BFGS runs: objective, start, options, and how a case of kind "lbfgs" is run in PyTorch."""
import math
import random

import torch

from encoding import flat


def rosenbrock(x):
    a, b = x[0::2], x[1::2]
    return ((1 - a) ** 2 + 100 * (b - a**2) ** 2).sum()


def beale(x):
    return sum((c - x[0] * (1 - x[1] ** n)) ** 2 for n, c in ((1, 1.5), (2, 2.25), (3, 2.625)))


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def quadratic(matrix, vector):
    matrix, vector = torch.tensor(matrix), torch.tensor(vector)
    return lambda x: 0.5 * x @ (matrix @ x) - vector @ x


def objective(case):
    return quadratic(case["matrix"], case["vector"]) if case["objective"] == "quadratic" else globals()[case["objective"]]


def bowl(size, condition, seed):
    """A symmetric positive definite matrix: eigenvalues from 1 to `condition`, turned at random."""
    rng = random.Random(seed)
    axes = torch.linalg.qr(torch.tensor([[rng.gauss(0, 1) for _ in range(size)] for _ in range(size)])).Q
    matrix = axes @ torch.diag(torch.tensor([condition ** (i / (size - 1)) for i in range(size)])) @ axes.T
    matrix = [[round(entry, 6) for entry in row] for row in ((matrix + matrix.T) / 2).tolist()]
    return {"matrix": matrix, "vector": [round(rng.uniform(-2, 2), 3) for _ in range(size)]}


WOLFE = {"line_search_fn": "strong_wolfe"}
OPTIONS = {
    "default": {},
    "lr": {"lr": 0.1},
    "short": {"max_iter": 4, "lr": 0.5},
    "history": {"max_iter": 6, "history_size": 3, "lr": 0.8},
    "history_1": {"max_iter": 5, "history_size": 1, "lr": 0.3},
    "max_eval": {"max_iter": 10, "max_eval": 6, "lr": 0.5},
    "tolerance_grad": {"max_iter": 5, "tolerance_grad": 0.1, "lr": 0.5},
    "tolerance_change": {"max_iter": 5, "tolerance_change": 1e-3, "lr": 0.5},
    "wolfe": WOLFE,
    "wolfe_short": {"max_iter": 3, **WOLFE},
    "wolfe_history": {"max_iter": 5, "history_size": 3, **WOLFE},
    "wolfe_history_1": {"max_iter": 4, "history_size": 1, **WOLFE},
    "wolfe_lr": {"max_iter": 4, "lr": 0.1, **WOLFE},
    "wolfe_large_lr": {"max_iter": 4, "lr": 4, **WOLFE},
    "wolfe_max_eval": {"max_iter": 8, "max_eval": 7, **WOLFE},
    "wolfe_tolerances": {"max_iter": 5, "tolerance_grad": 0.01, "tolerance_change": 1e-4, **WOLFE},
}


def starts():
    """(name, objective and its data, start)"""
    yield "rosenbrock_2", {"objective": "rosenbrock"}, [1.5, 1.5]
    yield "rosenbrock_2_classic", {"objective": "rosenbrock"}, [-1.2, 1.0]
    yield "rosenbrock_2_far", {"objective": "rosenbrock"}, [-3.0, 4.0]
    yield "rosenbrock_4", {"objective": "rosenbrock"}, [1.3, 0.7, -0.5, 1.9]
    yield "rosenbrock_10", {"objective": "rosenbrock"}, [-1.2, 1.0, 0.5, 0.8, 1.7, 2.1, 0.0, 0.1, -0.4, 0.9]
    yield "quadratic_well", {"objective": "quadratic", **bowl(5, 10.0, 1)}, [1.0, -2.0, 3.0, 0.5, -1.5]
    yield "quadratic_badly", {"objective": "quadratic", **bowl(6, 1e4, 2)}, [1.0, 1.0, -1.0, 2.0, 0.25, -0.75]
    yield "beale", {"objective": "beale"}, [1.0, 1.0]
    yield "beale_far", {"objective": "beale"}, [2.0, -0.5]
    yield "himmelblau", {"objective": "himmelblau"}, [0.0, 0.5]
    yield "himmelblau_far", {"objective": "himmelblau"}, [-3.0, -4.5]


def run(case, start, steps, noise=None):
    """The steps' outcomes; `noise` moves the point of each evaluation by a last bit or so, as another order of operations does."""
    loss_of = objective(case)
    x = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], **case["options"])

    def closure():
        optimizer.zero_grad()
        loss = loss_of(x if noise is None else x * (1 + 2.0**-52 * (2 * torch.rand(len(x), generator=noise) - 1)))
        loss.backward()
        return loss

    for _ in range(steps):
        loss = optimizer.step(closure).item()
        state = optimizer.state[x]
        yield {"loss": loss, "params": flat(x), "func_evals": state["func_evals"], "n_iter": state.get("n_iter", 0)}


def same(expected, actual, within):
    largest = max(map(abs, expected["params"]))
    return (all(math.isfinite(v) for v in (expected["loss"], actual["loss"], largest))
            and expected["func_evals"] == actual["func_evals"] and expected["n_iter"] == actual["n_iter"]
            and abs(expected["loss"] - actual["loss"]) <= within * abs(expected["loss"])
            and all(abs(e - a) <= within * largest for e, a in zip(expected["params"], actual["params"], strict=True)))


def complete(name, case, steps=10):
    """The case up to the step from which a start moved by 1e-13 comes out further than 1e-10 away, in anything; None if soon."""
    torch.set_default_dtype(torch.float64)
    try:
        outcomes, rng, noise = list(run(case, case["start"], steps)), random.Random(7), torch.Generator().manual_seed(7)
        for _ in range(8):
            moved = [value * (1 + rng.uniform(-1e-13, 1e-13)) + rng.uniform(-1e-16, 1e-16) for value in case["start"]]
            matches = [same(a, b, 1e-10) for a, b in zip(outcomes, run(case, moved, len(outcomes), noise), strict=True)]
            outcomes = outcomes[:(matches + [False]).index(False)]
    finally:
        torch.set_default_dtype(torch.float32)
    if len(outcomes) < 3 and (not outcomes or outcomes[-1]["n_iter"] < 10):
        return None
    return {"kind": "lbfgs", "name": name, "torch": torch.__version__.split("+")[0], **case, "steps": outcomes}


def cases():
    torch.set_default_dtype(torch.float64)
    try:
        table = list(starts())
    finally:
        torch.set_default_dtype(torch.float32)
    for place, data, start in table:
        for option_set, options in OPTIONS.items():
            name = f"lbfgs/{place}_{option_set}"
            case = {**data, "start": start, "options": options}
            yield name, lambda name=name, case=case: complete(name, case)
