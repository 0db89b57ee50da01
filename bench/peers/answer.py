"""How a peer answers bench/line_process.ts: it prints its name; for each line it then makes a step and prints the step's
seconds and its own peak memory in kB."""
import sys, time
import torch
from peak_memory import peak_memory


def answer(step, device):
    print(f"pytorch {torch.__version__} {device}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, peak_memory(), flush=True)
