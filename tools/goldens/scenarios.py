"""What every optimizer is put through: the inputs of its cases, without PyTorch's answers."""
import random
import zlib
from dataclasses import dataclass

from encoding import DTYPES, HALF, NAMES, flat, tensor

EXACT, REAL = ("f64", "f32"), ("f64", "f32", "bf16", "f16")
MAGNITUDES = (1e-30, 1e-15, 1e-5, 1.0, 1e5, 1e15, 1e30)


@dataclass(frozen=True)
class Scenario:
    name: str
    options: dict
    groups: list             # (overrides, shapes) for each group
    steps: int
    dtypes: tuple
    null: object = None      # (parameter, step) -> the parameter has no gradient in this step
    zero: object = None      # (parameter, step) -> its gradient is all zeros
    scale: object = None     # parameter -> (magnitude of its values, of its gradients)
    sparse: object = None    # (parameter, step) -> its gradient is sparse
    empty: object = None     # (parameter, step) -> and has no rows
    changes: tuple = ()
    overflows: bool = False
    warm: int = 0            # it begins with the state after so many steps more


def scenarios(o):
    """All scenarios of one entry of the table."""
    def of(name, options=o.usual, groups=None, steps=7, dtypes=EXACT, shapes=o.shapes, **more):
        dtypes = tuple(d for d in dtypes if d in o.dtypes and (name, d) not in o.without)
        options = o.special.get(name, options)
        more.setdefault("sparse", None if o.dense else lambda p, k: True)
        return Scenario(name, options, groups or [({}, shapes)], steps, dtypes, **more)

    small = [shape for shape in o.shapes if shape != [3, 3]]
    for name, options in o.sets.items():
        yield of(name, options)
        yield of(name, options, dtypes=("bf16", "f16"), steps=max(o.least_steps, 4))
        yield of(name, options, dtypes=("c64", "c128"), steps=max(o.least_steps, 4), shapes=small)
    yield of("sizes", steps=2, dtypes=REAL + ("c64",), shapes=o.sizes)
    yield of("sizes", steps=2, dtypes=("c128",), shapes=o.sizes[:6])
    yield of("sizes_1000", steps=3, dtypes=o.large_dtypes, shapes=o.large)
    if o.batches:
        yield of("batches", steps=3, dtypes=REAL, shapes=o.batches)

    few = o.shapes[1:4]
    yield of("two_groups", groups=[({}, few), (o.groups[0], few)], dtypes=("f64",))
    yield of("three_groups", groups=[({}, few), (o.groups[0], few[:2]), (o.groups[1], few[1:])], dtypes=("f32", "c64"))
    yield of("null_gradients", steps=9, shapes=(few * 2)[:5], dtypes=EXACT + ("f16",), null=lambda p, k: (
        k in (2, 3, 6) if p == 1 else k < 4 if p == 2 else p == 3 or p == 4 and k % 2 == 0))
    yield of("zero_gradients", shapes=(few * 2)[:4], zero=lambda p, k: (
        p == 0 or p == 1 and k < 3 or p == 2 and k >= 2 or p == 3 and k in (0, 4)))
    yield of("changes", steps=10, groups=[({}, few), ({}, few)], changes=o.changes)
    shape = [3] if len(o.shapes[0]) < 2 else [2, 3]
    for dtype in EXACT:
        magnitudes = [m for m in MAGNITUDES if m < 1e30 or dtype not in o.overflows]
        yield of("magnitudes", steps=o.magnitude_steps, dtypes=(dtype,), shapes=[shape] * 2 * len(magnitudes), overflows=True,
                 scale=lambda p, ms=tuple(magnitudes): (1.0 if p < len(ms) else ms[p - len(ms)], ms[p % len(ms)]))
    for name, options in o.started.items():
        yield of(name, options, steps=4, shapes=o.started_shapes, warm=o.started_after)
    for name, options in o.sparse.items():
        yield of(name, options, dtypes=REAL, shapes=[[6, 3], [9], [4, 2], [7]], empty=lambda p, k: p == 1 and k in (0, 3),
                 null=lambda p, k: p == 0 and k == 2, sparse=lambda p, k: not o.dense or p < 2 or p == 2 and k % 2 == 0)


def number(rng, low, high):
    return rng.choice((-1, 1)) * rng.uniform(low, high)


def flat_numbers(rng, count, dtype, low, high, scale, zeros):
    """Few digits, rounded to the type; away from zero, so that a sum of a few does not cancel to nothing."""
    def one():
        return 0.0 if rng.random() < zeros else float(f"{number(rng, low, high):.3g}") * scale
    values = [[one(), one()] for _ in range(count)] if dtype.is_complex else [one() for _ in range(count)]
    return flat(tensor(values, [count], dtype))


def sparse_gradient(rng, shape, dtype, low, high, scale, zeros, empty):
    """A few rows in any order, some more than once."""
    rows = shape[0]
    touched = [] if empty else rng.sample(range(rows), min(rows, max(1, rows // 3)))
    touched += [rng.choice(touched) for _ in touched[1:]]
    rng.shuffle(touched)
    width = 1
    for extent in shape[1:]:
        width *= extent
    return {"indices": touched, "rows": [flat_numbers(rng, width, dtype, low, high, scale, zeros) for _ in touched]}


def inputs(o, scenario, dtype_name, attempt):
    """The case as the format has it, up to what PyTorch answers."""
    name = o.case(scenario.name, dtype_name)
    seed = zlib.crc32(f"{o.reference}/{scenario.name}".encode()) % 2**24 + attempt
    rng, dtype = random.Random(seed), DTYPES[dtype_name]
    low, high, zeros = (0.5, 1.5, 0.0) if dtype in HALF else (0.1, 2.0, 0.05)
    scale = scenario.scale or (lambda p: (1.0, 1.0))

    shapes, groups = [], []
    for overrides, group_shapes in scenario.groups:
        group = {"params": []}
        for shape in group_shapes:
            if dtype.is_complex and shape == []:
                continue  # a 0-dim complex state could not be told from a list of two
            if dtype in HALF and len(shape) > o.half_dimensions:
                continue
            values = flat_numbers(rng, count(shape), dtype, 1.0, 3.0, scale(len(shapes))[0], 0.0)
            group["params"].append({"shape": shape, "values": values})
            shapes.append(shape)
        groups.append(group | ({"options": overrides} if overrides else {}))

    def grad(p, k):
        if scenario.null and scenario.null(p, k):
            return None
        zero = scenario.zero and scenario.zero(p, k)
        if scenario.sparse and scenario.sparse(p, k):
            empty = 0 in shapes[p] or scenario.empty and scenario.empty(p, k)
            return sparse_gradient(rng, shapes[p], dtype, low, high, scale(p)[1], 1.0 if zero else zeros, empty)
        return flat_numbers(rng, count(shapes[p]), dtype, low, high, scale(p)[1], 1.0 if zero else zeros)

    steps = []
    for k in range(scenario.warm + scenario.steps):
        changes = [{"group": group, **options} for at, group, options in scenario.changes if at == k]
        steps.append(({"set": changes} if changes else {}) | {"grads": [grad(p, k) for p in range(len(shapes))]})
    return {"kind": "optimizer", "name": name, "torch": None, "seed": seed, "optimizer": o.name, "dtype": NAMES[dtype],
            "options": {**o.by_dtype.get(dtype_name, {}), **scenario.options}, "groups": groups, "steps": steps}


def count(shape):
    product = 1
    for extent in shape:
        product *= extent
    return product