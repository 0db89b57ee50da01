"""Samples read by the webdataset package, the peer of bench/shards.ts.

It opens the shards of a folder, shuffled through a buffer of 5,000 samples, and prints the seconds. For each line, a
number of images, it then decodes that many to RGB, and prints the seconds and the peak memory so far in MB.
"""
import glob, sys, time
import webdataset
from peak_memory import peak_memory

start = time.perf_counter()
shards = sorted(glob.glob(sys.argv[1] + "/train-*.tar"))
data = webdataset.WebDataset(shards, shardshuffle=len(shards), seed=0).shuffle(5000).decode("rgb8").repeat()
samples = iter(data)
print(time.perf_counter() - start, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(int(line)):
        next(samples)["png"]
    seconds = time.perf_counter() - start
    print(seconds, peak_memory() / 1000, flush=True)
