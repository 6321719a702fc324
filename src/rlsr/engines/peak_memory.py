"""The most memory that this process has held."""

import resource
import sys

from rlsr.runs.step_metrics import PEAK_MEMORY


def peak_memory() -> dict[str, float]:
    """Measure the most memory that was held so far.

    Returns:
        ``memory/peak_gb``, the resident set, and with a GPU ``memory/peak_gpu_gb``, what was allocated there, in gigabytes
        (10^9 bytes).
    """
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kibibytes, macOS in bytes.
    found = {PEAK_MEMORY: peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9}
    if torch.cuda.is_available():
        found["memory/peak_gpu_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return found
