"""Patches by torchvision and Pillow on one core, the peer of bench/patches.ts.

For each line `recipe count` it cuts `count` patches from an image of noise, and prints the seconds.
"""
import sys, time
import numpy as np, torch
from PIL import Image, ImageFilter, ImageOps
from PIL import __version__ as pillow
from torchvision import __version__ as torchvision
from torchvision import transforms as T

torch.set_num_threads(1)


def blur(image):
    return image.filter(ImageFilter.GaussianBlur(np.random.rand() * 1.9 + 0.1)) if np.random.rand() < 0.1 else image


def recipe(crop):
    return T.Compose([
        crop, T.RandomHorizontalFlip(0.5), T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.2)], 0.8), T.RandomGrayscale(0.2),
        blur, T.RandomApply([ImageOps.solarize], 0.1), T.ToTensor(), T.Normalize([0.5] * 3, [0.5] * 3),
    ])


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


RECIPES = {
    "cifar": (recipe(T.RandomResizedCrop(32, scale=(0.25, 0.25), ratio=(1, 1))), noise(32, 32)),
    "imagenet": (
        recipe(T.RandomResizedCrop(224, scale=(0.25, 0.25), interpolation=T.InterpolationMode.BICUBIC)), noise(500, 375),
    ),
}
print(f"torchvision {torchvision}, Pillow {pillow}", flush=True)
for line in sys.stdin:
    name, count = line.split()
    cut, image = RECIPES[name]
    start = time.perf_counter()
    for _ in range(int(count)):
        cut(image)
    print(time.perf_counter() - start, flush=True)
