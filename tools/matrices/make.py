"""Matrices with what PyTorch makes of them: eigenvalues and eigenvectors, QR, inverse roots.

    python3 tools/matrices/make.py tests/fixtures/matrices/decompositions.json
"""
import json
import sys

import torch

TYPES = {"float32": torch.float32, "float64": torch.float64}


def numbers(tensor):
    return tensor.double().flatten().tolist()


def symmetric(n, type, generator, rank=None):
    half = torch.randn(n, rank or n, generator=generator, dtype=torch.float64)
    return (half @ half.T / n).to(type)


def eigen(name, a):
    values, vectors = torch.linalg.eigh(a)
    return {"name": name, "kind": "eigen", "type": str(a.dtype)[6:], "n": len(a), "a": numbers(a), "values": numbers(values), "vectors": numbers(vectors)}


def qr(name, a):
    q, r = torch.linalg.qr(a)
    return {"name": name, "kind": "qr", "type": str(a.dtype)[6:], "rows": a.shape[0], "columns": a.shape[1], "a": numbers(a), "q": numbers(q), "r": numbers(r)}


def root(name, a, p, epsilon):
    # In float64 whatever the matrix's type: what is right, and not how far PyTorch's float32 is from it.
    values, vectors = torch.linalg.eigh(a.double())
    values = values - values.min().clamp(max=0) + epsilon
    made = (vectors * values.pow(-1.0 / p)) @ vectors.T
    return {"name": name, "kind": "root", "type": str(a.dtype)[6:], "n": len(a), "p": p, "epsilon": epsilon, "a": numbers(a), "root": numbers(made)}


def cases():
    generator = torch.Generator().manual_seed(20)
    for name, type in TYPES.items():
        for n in (1, 2, 7, 20):
            yield eigen(f"random {n} {name}", symmetric(n, type, generator))
        gap = torch.diag(torch.tensor([3.0, 1.0, 2.0, -1.0, 0.5], dtype=type))
        gap[1:, 0] = gap[0, 1:] = 0.25
        yield eigen(f"indefinite 5 {name}", gap)
        for rows, columns in ((1, 1), (6, 6), (9, 4), (4, 9), (20, 20), (3, 1), (1, 3)):
            yield qr(f"random {rows} x {columns} {name}", torch.randn(rows, columns, generator=generator, dtype=torch.float64).to(type))
        yield qr(f"triangular {name}", torch.tensor([[-2.0, 1.0, 3.0], [0.0, 5.0, -1.0], [0.0, 0.0, -4.0]], dtype=type))
        for p in (1, 2, 3, 4, 6, 8):
            yield root(f"random 9, p = {p} {name}", symmetric(9, type, generator), p, 0.01)
        yield root(f"of rank 3, p = 4 {name}", symmetric(9, type, generator, rank=3), 4, 0.01)


with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in cases()) + "\n]\n")
