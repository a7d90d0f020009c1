"""PyTorch's DistributedDataParallel and ZeroRedundancyOptimizer over gloo, two processes of one thread each: what exchanging gradients and the step of AdamW take.

    python3 bench/distributed.py

`backward` is of a sum of all parameters, so that there is nothing to learn but all gradients are there: its time without the exchange (no_sync) is taken off. Needs PyTorch with gloo."""

import os, time, statistics
import torch, torch.distributed as dist, torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.distributed.optim import ZeroRedundancyOptimizer

from pytorch import SHAPES


class Model(torch.nn.Module):
    def __init__(self, shapes):
        super().__init__()
        self.p = torch.nn.ParameterList(torch.nn.Parameter(torch.zeros(s)) for s in shapes)
    def forward(self, x):
        return sum((p * x).sum() for p in self.p)

def main(rank, world):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511", "USE_LIBUV": "0"}
    dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.set_num_threads(1)
    for name in ("1x16M", "gpt6"):
        shapes = SHAPES[name]
        for zero in (False, True):
            torch.manual_seed(0)
            model = DDP(Model(shapes), gradient_as_bucket_view=True)
            make = (lambda ps: ZeroRedundancyOptimizer(ps, optimizer_class=torch.optim.AdamW, lr=1e-3, fused=True)) if zero else (lambda ps: torch.optim.AdamW(ps, lr=1e-3, fused=True))
            opt = make(model.parameters())
            def local():
                with model.no_sync():
                    model(0.01 * (rank + 1)).backward()
            def full():
                model(0.01 * (rank + 1)).backward()
            tl, tf, ts = [], [], []
            for i in range(13):
                opt.zero_grad(set_to_none=False)
                dist.barrier(); t0 = time.perf_counter(); local(); t1 = time.perf_counter()
                opt.zero_grad(set_to_none=False)
                dist.barrier(); t2 = time.perf_counter(); full(); t3 = time.perf_counter(); opt.step(); t4 = time.perf_counter()
                if i >= 3: tl.append(t1 - t0); tf.append(t3 - t2); ts.append(t4 - t3)
            m = lambda x: statistics.median(x) * 1e3
            if rank == 0:
                print(f"{name} {'DDP + ZeroRedundancyOptimizer' if zero else 'DDP + AdamW fused'}: backward alone {m(tl):.1f}, with DDP {m(tf):.1f} (exchange {m(tf)-m(tl):.1f}), step {m(ts):.1f}, exchange + step {m(tf)-m(tl)+m(ts):.1f} ms", flush=True)
    dist.destroy_process_group()

if __name__ == "__main__":
    mp.spawn(main, args=(2,), nprocs=2)
