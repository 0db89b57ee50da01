"""One EMP-SSL step in PyTorch, the peer of bench/bench.ts: for each line it makes a step, and prints the step's seconds
and its own peak memory in kB.

It uses the modules of fixtures/emp_ssl_torch.py in channels-last memory. `--strong` makes PyTorch as fast as we could:
our b x b determinant and torch.compile; bench/peer.ts adds jemalloc.
"""
import argparse, pathlib, sys
import torch
from answer import answer

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures"))
from emp_ssl_torch import LARS, Encoder

a = argparse.ArgumentParser()
a.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
a.add_argument("--arch", default="resnet18-cifar")
a.add_argument("--images", type=int, default=10)
a.add_argument("--patches", type=int, default=20)
a.add_argument("--size", type=int, default=32)
a.add_argument("--strong", action="store_true")
o = a.parse_args()
torch.manual_seed(0)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = o.precision == "tf32"
device = "cuda" if torch.cuda.is_available() else "cpu"
stem = "cifar" if o.arch == "resnet18-cifar" else "imagenet"
model = Encoder(64, 4096, 1024, stem).to(device, memory_format=torch.channels_last)
forward = torch.compile(model) if o.strong else model
optimizer = LARS(model.parameters(), lr=0.3, momentum=0.9, nesterov=True)
x = torch.randn(o.patches * o.images, 3, o.size, o.size, device=device).contiguous(memory_format=torch.channels_last)


def rate(z):
    b, d = z.shape
    gram = z @ z.T if o.strong else z.T @ z
    return torch.logdet(torch.eye(len(gram), device=device) + d / (b * 0.2) * gram) / 2


def step():
    optimizer.zero_grad()
    with torch.autocast(device, dtype=torch.bfloat16, enabled=o.precision == "bf16"):
        z, _ = forward(x)
    parts = z.float().chunk(o.patches)
    mean = torch.stack(parts).mean(0)
    similarity = sum(torch.cosine_similarity(p, mean, dim=1).mean() for p in parts) / o.patches
    loss = -200 * similarity - sum(rate(p) for p in parts) / o.patches
    loss.backward()
    optimizer.step()
    return loss.item()


answer(step, device)
