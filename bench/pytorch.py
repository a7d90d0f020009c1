"""PyTorch itself on the cases of `compare`: a process of its own, so compare it only with times taken on the same machine at the same hour.

    python3 bench/pytorch.py [--seconds 3] [--case adamw/4000x256] [--json result.json]

Each optimizer is run as PyTorch offers it (for-loop, foreach, fused), with gradients that stay; Muon, of which a step can take a minute, only when
--case names it. `whole` is what a training loop does around
the rule: clip_grad_norm_, fused AdamW, an exponential average by foreach, and gradients zeroed. Needs PyTorch 2.10 or newer.
"""

import argparse, json, statistics, time
import torch


def resnet50():
    def convolution(out, inp, size):
        return [(out, inp, size, size), (out,), (out,)]
    shapes, inp = convolution(64, 3, 7), 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            shapes += convolution(width, inp, 1) + convolution(width, width, 3) + convolution(4 * width, width, 1)
            if block == 0:
                shapes += convolution(4 * width, inp, 1)
            inp = 4 * width
    return shapes + [(1000, 2048), (1000,)]


def gpt(layers=6, width=384, vocabulary=50_304, context=256):
    block = [(width,), (width,), (3 * width, width), (3 * width,), (width, width), (width,),
             (width,), (width,), (4 * width, width), (4 * width,), (width, 4 * width), (width,)]
    return [(vocabulary, width), (context, width)] + block * layers + [(width,), (width,)]


SHAPES = {"1x16M": [(4096, 4096)], "256x64K": [(256, 256)] * 256, "4000x256": [(16, 16)] * 4000, "resnet50": resnet50(), "gpt6": gpt()}
OPTIMIZERS = {
    "adamw": lambda p, **k: torch.optim.AdamW(p, **k),
    "adam": lambda p, **k: torch.optim.Adam(p, **k),
    "sgd": lambda p, **k: torch.optim.SGD(p, lr=1e-3, momentum=0.9, **k),
    "adagrad": lambda p, **k: torch.optim.Adagrad(p, **k),
    "adafactor": lambda p, **k: torch.optim.Adafactor(p, **k),
    "muon": lambda p, **_: torch.optim.Muon([x for x in p if x.dim() == 2]),
}
KINDS = {"adafactor": ("forloop", "foreach"), "muon": ("forloop",)}  # of the others: all three
SLOW = 10  # seconds: one step is enough


def parameters(shapes, dtype):
    made = [torch.ones(shape, dtype=dtype, requires_grad=True) for shape in shapes]
    for p in made:
        p.grad = torch.full_like(p, 0.01)
    return made


def whole(shapes):
    params = parameters(shapes, torch.float32)
    optimizer = torch.optim.AdamW(params, fused=True)
    averages = [p.detach().clone() for p in params]
    count = 0

    def step():
        nonlocal count
        if count % 100 == 0:
            for p in params:
                p.grad.fill_(0.01)
        count += 1
        torch.nn.utils.clip_grad_norm_(params, 1.0, foreach=True)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, params, 0.001)
        optimizer.zero_grad(set_to_none=False)
    return step


def measure(step, seconds):
    start = time.perf_counter()
    step()
    if (first := time.perf_counter() - start) > SLOW:
        return first * 1e3
    for _ in range(2):
        step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def read_arguments(about):
    arguments = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=3)
    arguments.add_argument("--case", default="")
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--json")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {options.threads} threads")
    return options


def main():
    options = read_arguments(__doc__)
    results = []

    def report(case, count, ms, **more):
        print(f"{case:<40} {ms:10.3f} ms {count / ms / 1e3:10.0f} M parameters/s", flush=True)
        results.append({"case": case, "parameters": count, "threads": options.threads, "pytorch_ms": ms, **more})

    for shape, shapes in SHAPES.items():
        count = sum(torch.Size(s).numel() for s in shapes)
        for name, make in OPTIMIZERS.items():
            for dtype, short in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
                for kind in KINDS.get(name, ("forloop", "foreach", "fused")):
                    case = f"{name}/{shape}/{short}/{options.threads}t/{kind}"
                    if options.case in case and (name != "muon" or name in options.case):
                        extra = {"foreach": False} if kind == "forloop" else {kind: True}
                        report(case, count, measure(make(parameters(shapes, dtype), **extra).step, options.seconds))
        case = f"whole/{shape}/f32/{options.threads}t"
        if options.case in case:
            report(case, count, measure(whole(shapes), options.seconds))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
