"""The greatest memory of a peer, as bench/programs/peak_memory.ts has it."""
import re, resource


def peak_memory():
    """Kilobytes: of this program alone, not of the one that started it."""
    try:
        with open("/proc/self/status") as file:
            return int(re.search(r"^VmHWM:\s*(\d+) kB$", file.read(), re.M).group(1))
    except (OSError, AttributeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
