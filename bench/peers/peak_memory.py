"""The peak memory of a peer, measured as in bench/programs/peak_memory.ts."""
import re, resource


def peak_memory():
    """In kB. On Linux `ru_maxrss` is at least the memory of the parent process; `VmHWM` is this process's alone."""
    try:
        with open("/proc/self/status") as file:
            return int(re.search(r"^VmHWM:\s*(\d+) kB$", file.read(), re.M).group(1))
    except (OSError, AttributeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
