"""How a peer answers bench/line_process.ts: it names itself, and for each line makes a step and prints its seconds and its peak memory in kB."""
import resource, sys, time
import torch


def answer(step, device):
    print(f"pytorch {torch.__version__} {device}", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
