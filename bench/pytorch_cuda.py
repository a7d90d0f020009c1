"""Times PyTorch's AdamW on a GPU beside CudaSpeed/: fused, foreach, one by one.

    python3 bench/pytorch_cuda.py [CARD]
"""
import statistics
import sys
import time

import torch

from pytorch import SHAPES

WARM, ROUNDS, STEPS = 5, 7, 20
device = torch.device("cuda", int(sys.argv[1]) if len(sys.argv) > 1 else 0)


def milliseconds(step):
    for _ in range(WARM):
        step()
    times = []
    for _ in range(ROUNDS):
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        for _ in range(STEPS):
            step()
        torch.cuda.synchronize(device)
        times.append((time.perf_counter() - start) / STEPS * 1e3)
    return statistics.median(times)


print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name(device)}; AdamW, ms/step")
print(f"{'':24}{'fused':>10}{'foreach':>10}{'one by one':>12}")
for name, shapes in {"1x64M": [(1 << 26,)], **SHAPES}.items():
    for dtype in (torch.float32, torch.bfloat16):
        parameters = [torch.ones(shape, dtype=dtype, device=device, requires_grad=True) for shape in shapes]
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter)
        row = []
        for options in ({"fused": True}, {"foreach": True}, {"foreach": False}):
            row.append(milliseconds(torch.optim.AdamW(parameters, **options).step))
        print(f"{name + ', ' + str(dtype)[6:]:24}{row[0]:10.3f}{row[1]:10.3f}{row[2]:12.3f}")
