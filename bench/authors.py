"""The optimizers that PyTorch has none of, by their authors' code: times of a step, to be held against `compare` on the same machine at the same hour.

    OPTIMSHARP_REFERENCES=folder python3 bench/authors.py [--seconds 3] [--case lion/4000x256] [--json result.json]

The code is found as tools/goldens finds it. Each optimizer runs with its defaults, and with `foreach` where its authors wrote that. Shampoo, with its
authors' example's options, takes a step without decompositions: these are due every hundredth.
"""

import dataclasses, json, pathlib, sys
import torch

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent.parent / "tools" / "goldens")]
from pytorch import SHAPES, measure, parameters, read_arguments
from references import REFERENCES, optimizer_class

MATRIX = {"SOAP", "Shampoo", "NorMuon"}
OPTIONS = {"LARS": {"momentum": 0.9, "weight_decay": 1e-4},
           "Shampoo": {"max_preconditioner_dim": 1024, "precondition_frequency": 100, "start_preconditioning_step": 100, "grafting_type": "ADAM"}}


def make(name, params):
    reference = REFERENCES[name]
    if "foreach" in reference.fixed:
        REFERENCES[name] = dataclasses.replace(reference, fixed=reference.fixed | {"foreach": True})
    kind, _ = optimizer_class(name)
    return kind([{"params": params}], lr=1e-3, **OPTIONS.get(name, {}))


def main():
    options = read_arguments(__doc__)
    results = []
    for name in (name for name in REFERENCES if "/" not in name):  # those with a variant are PyTorch's Muon: pytorch.py
        for shape, shapes in SHAPES.items():
            case = f"{name.lower()}/{shape}/f32/{options.threads}t"
            if options.case not in case or name in MATRIX and shape == "1x16M":
                continue
            if name == "NorMuon":
                shapes = [s for s in shapes if len(s) == 2]
            ms = measure(make(name, parameters(shapes, torch.float32)).step, options.seconds)
            count = sum(torch.Size(s).numel() for s in shapes)
            print(f"{case:<40} {ms:10.3f} ms {count / ms / 1e3:10.0f} M parameters/s", flush=True)
            results.append({"case": case, "parameters": count, "threads": options.threads, "reference_ms": ms})
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
