"""Packages that add something to rlsr, installed into a directory of a test."""

from collections.abc import Mapping
from pathlib import Path

from rlsr.config import unions
from rlsr.evaluation.metrics.table import installed_metrics
from rlsr.monitors.table import all_monitors
from rlsr.plugins import find_plugins
from rlsr.rewards import table


def write_package(directory: Path, name: str, code: str, **entry_points: Mapping[str, str]) -> Path:
    """Write a module and the metadata that an installer would write.

    ``entry_points`` are those of each group, with ``_`` for the dot: ``rlsr_rewards={"length": "module:name"}``.
    """
    directory.mkdir(exist_ok=True)
    module = name.replace("-", "_")
    (directory / f"{module}.py").write_text(code, encoding="utf-8")
    info = directory / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, points in entry_points.items()
        for line in [
            f"[{group.replace('_', '.')}]",
            *(f"{key} = {path}" for key, path in points.items()),
        ]
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return directory


def forget() -> None:
    """Let everything be found anew."""
    for cached in (
        find_plugins,
        unions._added_table,
        table._added_kind,
        installed_metrics,
        all_monitors,
    ):
        cached.cache_clear()
