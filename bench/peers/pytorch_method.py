"""A step of another method in PyTorch, the peer of bench/bench.ts --method: for each line it makes a step, and prints the
step's seconds and its own peak memory in kB.

It uses fixtures/methods_torch.py with solo-learn's widths, in channels-last memory. `--strong` adds torch.compile.
"""
import argparse, copy, pathlib, sys
import torch
import torch.nn.functional as F
from answer import answer

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures"))
from methods_torch import DECAY, HAS_TARGET, Network, Optimizer, byol, ressl, simclr, swav, vicreg

WIDTHS = {"simclr": (2048, 256), "byol": (4096, 256), "vicreg": (2048, 2048), "swav": (2048, 128), "ressl": (4096, 256)}
QUEUE = {"swav": 3840, "ressl": 65536}

a = argparse.ArgumentParser()
a.add_argument("--method", choices=list(WIDTHS))
a.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
a.add_argument("--arch", default="resnet18-cifar")
a.add_argument("--images", type=int, default=256)
a.add_argument("--patches", type=int, default=2)
a.add_argument("--size", type=int, default=32)
a.add_argument("--strong", action="store_true")
o = a.parse_args()
torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
hidden, embedding = WIDTHS[o.method]
stem = "cifar" if o.arch == "resnet18-cifar" else "imagenet"
model = Network(o.method, 64, hidden, embedding, stem=stem).to(device, memory_format=torch.channels_last)
target = copy.deepcopy(model).requires_grad_(False) if o.method in HAS_TARGET else None
forward = torch.compile(model) if o.strong else model
copies = torch.compile(target) if o.strong and target is not None else target
optimizer = Optimizer(model.parameters(), 0.3, None if o.method == "ressl" else 0.02, DECAY[o.method])
x = torch.randn(2 * o.images, 3, o.size, o.size, device=device).contiguous(memory_format=torch.channels_last)
rows = QUEUE.get(o.method, 0)
queue = F.normalize(torch.randn(rows, embedding, device=device)) if o.method == "ressl" else torch.zeros(2, rows, embedding, device=device)


def step():
    global queue
    optimizer.zero_grad()
    views = x.chunk(2)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=o.precision == "bf16"):
        z = [forward(v) for v in views]
        p = [model.predictor(v) for v in z] if o.method == "byol" else None
        with torch.no_grad():
            k = [copies(v).float() for v in views] if target is not None else None
    z = [v.float() for v in z]
    if o.method == "simclr":
        loss = simclr(z)
    elif o.method == "byol":
        loss = byol([v.float() for v in p], k)
    elif o.method == "vicreg":
        loss = vicreg(z)
    elif o.method == "swav":
        loss = swav(z, model.prototypes.weight, queue, False)
    else:
        keys = F.normalize(k[1])
        loss = ressl(F.normalize(z[0]), keys, queue)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        if o.method == "swav":
            own = torch.stack([F.normalize(v.detach()) for v in z])
            queue = torch.cat([own, queue], 1)[:, :rows]
        if o.method == "ressl":
            queue = torch.cat([keys, queue])[:rows]
        if target is not None:
            for old, new in zip(target.parameters(), model.parameters()):
                old.mul_(0.99).add_(new, alpha=0.01)
    return loss.item()


answer(step, device)
