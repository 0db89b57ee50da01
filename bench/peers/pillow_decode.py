"""Images decoded by Pillow on one core, the peer of bench/images.ts.

For each line `folder first count` it decodes `count` of the folder's files, sorted, from number `first` on to RGB, and prints the seconds.
"""
import os, sys, time
from PIL import Image
from PIL import __version__ as pillow

listings = {}
print(f"Pillow {pillow}", flush=True)
for line in sys.stdin:
    folder, first, count = line.rsplit(" ", 2)
    if folder not in listings:
        listings[folder] = sorted(entry.path for entry in os.scandir(folder))
    paths = listings[folder][int(first):int(first) + int(count)]
    start = time.perf_counter()
    for path in paths:
        with Image.open(path) as image:
            image.convert("RGB").tobytes()
    print(time.perf_counter() - start, flush=True)
