"""What a chip can do at best: its name, its memory, and its peak in bfloat16 as its maker states it.

python benchmarks/chip_peak.py OUT.json [--require-cuda]
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

PEAKS = {
    "B200": 2250e12,
    "GH200": 989e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "A10G": 70e12,
    "A10": 125e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "RTX 4090": 165e12,
}
"""Operations a second of dense bfloat16 products with float32 sums, by a part of the device's name, longer parts first where one holds
another. From NVIDIA's data sheets, whose figures with sparsity are halved."""


def bfloat16_peak(name: str) -> float | None:
    """Look a chip up.

    Args:
        name: As CUDA calls the device, as in ``NVIDIA H100 80GB HBM3``.

    Returns:
        Operations a second; None for a chip that is not in the table.
    """
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def device_facts(device: str) -> dict[str, Any]:
    """Describe a device, and time products on it.

    Args:
        device: ``cuda`` or ``cpu``.

    Returns:
        Name, memory in gigabytes, and operations a second of large products in bfloat16 as PyTorch computes them.
    """
    import torch

    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        name, memory = properties.name, properties.total_memory / 1e9
    else:
        name, memory = "cpu", None
    return {"name": name, "memory_gb": memory, "products": _products(device)}


def _products(device: str) -> float:
    """Operations a second: the fastest of five products of 8,192 numbers a side, of 512 on a CPU."""
    import torch

    side = 8192 if device == "cuda" else 512
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(8):
        started = time.perf_counter()
        left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return 2 * side**3 / min(seconds[3:])


def main() -> None:
    """Describe the device to a file; with --require-cuda fail where there is none."""
    import torch

    on_gpu = torch.cuda.is_available()
    if "--require-cuda" in sys.argv and not on_gpu:
        sys.exit("PyTorch sees no CUDA device; --tiny tries everything with small sizes on a CPU")
    facts = device_facts("cuda" if on_gpu else "cpu")
    Path(sys.argv[1]).write_text(json.dumps(facts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
