"""Between torch's tensors and the JSON of a golden case."""
import json
import math

import torch

DTYPES = {"f64": torch.float64, "f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16,
          "c64": torch.complex64, "c128": torch.complex128}
NAMES = {dtype: str(dtype).removeprefix("torch.") for dtype in DTYPES.values()}
HALF = (torch.bfloat16, torch.float16)
DOUBLE = (torch.float64, torch.complex128)


def shortest(values, dtype):
    """The doubles with the fewest digits that `dtype` rounds to these values."""
    if dtype == torch.float64:
        return list(values)
    short, rest = list(values), [i for i, value in enumerate(values) if math.isfinite(value)]
    for digits in range(1, 18):
        if not rest:
            break
        texts = [float(f"{values[i]:.{digits}g}") for i in rest]
        same = (torch.tensor(texts, dtype=torch.float64).to(dtype).double()
                == torch.tensor([values[i] for i in rest], dtype=torch.float64)).tolist()
        for i, text, ok in zip(rest, texts, same):
            if ok:
                short[i] = text
        rest = [i for i, ok in zip(rest, same) if not ok]
    return short


def finite(value):
    """JSON has no nan and no infinity: they are strings."""
    return value if math.isfinite(value) else str(value)


def flat(tensor):
    """A tensor as a flat row-major list; a complex number is a pair."""
    tensor = tensor.detach()
    if tensor.is_complex():
        numbers = flat(torch.view_as_real(tensor.resolve_conj()))
        return [numbers[i:i + 2] for i in range(0, len(numbers), 2)]
    return [finite(value) for value in shortest(tensor.double().flatten().tolist(), tensor.dtype)]


def tensor(numbers, shape, dtype):
    """The inverse of `flat`."""
    if dtype.is_complex:
        numbers = [complex(float(re), float(im)) for re, im in numbers]
    else:
        numbers = [float(number) for number in numbers]
    return torch.tensor(numbers, dtype=dtype).reshape(shape)


def scalar_or_list(value):
    """A state entry: a number for a 0-dim tensor or a plain number, else a flat list; of a list of tensors, one behind the other."""
    if isinstance(value, list):
        return [number for part in value for number in (flat(part) if isinstance(part, torch.Tensor) else part)]
    if not isinstance(value, torch.Tensor):
        return finite(value)
    return flat(value)[0] if value.dim() == 0 else flat(value)


def whole(value):
    """A state entry with all that is needed to make it again."""
    if isinstance(value, list):
        return [whole(part) for part in value]
    return {"shape": list(value.shape), "values": flat(value)} if isinstance(value, torch.Tensor) else finite(value)


def made(value, dtype):
    """The inverse of `whole`."""
    if isinstance(value, list):
        return [made(part, dtype) for part in value]
    return tensor(value["values"], value["shape"], dtype) if isinstance(value, dict) else value


def dump(case):
    return json.dumps(case, separators=(",", ":"), allow_nan=False) + "\n"
