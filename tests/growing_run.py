"""A run that somebody else writes, step by step, while it is looked at."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from report_sample import QUALITY, heldout_rows, step_rows, write_run
from rlsr.runs.json_file import append_json_line, write_json, write_json_lines
from rlsr.runs.owner import OWNER_FILE

Row = dict[str, Any]


FEW = ("step", "reward/mean", "optim/loss", "time/step", "tokens/trained")
"""Enough to look at: every curve costs time to lay out."""


def few_numbers(rows: Sequence[Row]) -> list[Row]:
    """The rows with a few of their numbers."""
    return [{name: row[name] for name in FEW if name in row} for row in rows]


def begin_run(path: Path, *, num_steps: int = 3, method: str = "rlsr") -> Path:
    """Write a run whose training goes on, with the owner that this process is."""
    write_run(
        path,
        before=heldout_rows(QUALITY["base"], 8),
        steps=few_numbers(step_rows(num_steps, method=method)),
        method=method,
        complete=False,
    )
    write_json(path / "provenance.json", {"sessions": [{"num_steps": 20}]})
    own(path)
    for step in range(1, num_steps + 1):
        write_samples(path, step)
    return path


def own(path: Path, pid: int | None = None, host: str | None = None) -> None:
    """Say who works in a directory, as the lock's file does."""
    owner = {"pid": pid or os.getpid(), "host": host or socket.gethostname(), "since": "now"}
    (path / OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")


def disown(path: Path) -> None:
    """End the work in a directory."""
    (path / OWNER_FILE).unlink()


def add_step(path: Path, step: int, **further: float) -> None:
    """Take the next step."""
    append_json_line(path / "metrics.jsonl", {**few_numbers(step_rows(step))[-1], **further})
    write_samples(path, step)


def write_samples(path: Path, step: int, texts: Mapping[str, str] | None = None) -> None:
    """Write the responses of a step: the second is the best, the third the worst, and the first was not scored."""
    rewards: Sequence[float | None] = (None, 0.75, -0.5, 0.25)
    rows = [
        {
            "id": "line 1", "prompt": f"Question of step {step}?", "reference": "The reference.",
            "response": f"Response {place} of step {step}.", "reward": reward, "advantage": 0.1, "in_update": reward is not None,
            "num_tokens": 9, "similarity": reward, **(texts or {}),
        }
        for place, reward in enumerate(rewards)
    ]  # fmt: skip
    (path / "samples").mkdir(exist_ok=True)
    write_json_lines(path / "samples" / f"step-{step:06d}.jsonl", rows)


def complete_run(path: Path) -> None:
    """Reach the end of a run."""
    write_json_lines(path / "evaluation" / "after.jsonl", heldout_rows(QUALITY["rlsr"], 8))
    write_json(
        path / "manifest.json", {"num_steps": 20, "stopped": None, "heldout": [], "warnings": []}
    )
    disown(path)
