"""The authors' evaluation in PyTorch, the peer of bench/programs/evaluate.ts. It answers each line with seconds and its
peak memory in kB:

    encode N  the features of images, each the mean over N patches: seconds per image
    linear    an epoch of the linear probe over random features
    knn       the 20 nearest neighbours of the test features, weighted by exp(cosine / 0.07)

It uses the modules of fixtures/emp_ssl_torch.py in channels-last memory. `--strong` adds torch.compile, and bench/peer.ts
jemalloc; `--precision bf16` is autocast.
"""
import argparse, pathlib, sys, time
import torch
from peak_memory import peak_memory

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures"))
from emp_ssl_torch import Encoder

a = argparse.ArgumentParser()
a.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
a.add_argument("--arch", default="resnet18-cifar")
a.add_argument("--size", type=int, default=32)
a.add_argument("--batch", type=int, default=1024, help="patches at a time")
a.add_argument("--train", type=int, default=10000)
a.add_argument("--test", type=int, default=1000)
a.add_argument("--classes", type=int, default=100)
a.add_argument("--strong", action="store_true")
o, _ = a.parse_known_args()
torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
stem = "cifar" if o.arch == "resnet18-cifar" else "imagenet"
model = Encoder(64, 4096, 1024, stem).to(device, memory_format=torch.channels_last).eval()


def feature(x):
    return model.pre_feature(model.backbone(x))


features_of = torch.compile(feature) if o.strong else feature
train = torch.rand(o.train, 4096, device=device)
test = torch.rand(o.test, 4096, device=device)
labels = torch.arange(o.train, device=device) % o.classes
probe = torch.nn.Linear(4096, o.classes).to(device)
sgd = torch.optim.SGD(probe.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-5)


def encode(patches):
    images = max(1, o.batch // patches)
    x = torch.rand(images * patches, 3, o.size, o.size, device=device).contiguous(memory_format=torch.channels_last)
    start = time.perf_counter()
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16, enabled=o.precision == "bf16"):
        y = features_of(x).float().view(patches, images, -1).mean(0)
    y[0, 0].item()
    return (time.perf_counter() - start) / images


def linear():
    start = time.perf_counter()
    for rows in torch.randperm(o.train, device=device).split(100):
        with torch.autocast(device, dtype=torch.bfloat16, enabled=o.precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(probe(train[rows]).float(), labels[rows])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    return time.perf_counter() - start


@torch.inference_mode()
def knn():
    start = time.perf_counter()
    normal = torch.nn.functional.normalize
    bank = normal(train)
    for rows in test.split(500):
        similarity, index = (normal(rows) @ bank.T).topk(20)
        scores = torch.zeros(len(rows), o.classes, device=device)
        scores.scatter_add_(1, labels[index], (similarity / 0.07).exp())
        scores.argsort(1, descending=True)[0, 0].item()
    return time.perf_counter() - start


print(f"pytorch {torch.__version__} {device}", flush=True)
for line in sys.stdin:
    what, *numbers = line.split()
    seconds = encode(int(numbers[0])) if what == "encode" else linear() if what == "linear" else knn()
    print(seconds, peak_memory(), flush=True)
