"""What one process of the step benchmark is asked for, and what it reports."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from step_setting import Training

Side = Literal["rlsr", "rlsr-vllm", "trl", "trl-vllm"]
"""Who trains: rlsr as it is by default or with vLLM's rollouts; TRL with its own rollouts or vLLM's."""

PHASES = ("generate", "reward", "reference", "update", "other")
"""Parts of a step: sampling; scoring; log-probabilities of the reference; forward, backward and optimiser; the rest."""


@dataclass(frozen=True)
class Request:
    """What a process does; two equal requests are the same measurement."""

    side: Side
    """Who trains."""
    training: Training
    """Which weights."""
    model: str
    """Directory of the policy."""
    data: str
    """For ``rlsr`` the rows; for TRL the result of the ``rlsr`` process whose prompts it repeats in their order."""
    max_response_tokens: int
    """Longest response."""
    num_steps: int
    """Measured steps; one more goes before them."""
    seed: int
    """Of order and sampling."""
    prompts_per_step: int = 4
    """Prompts of a step."""
    num_generations: int = 8
    """Responses to each."""
    encoder: str = "builtin:minilm"
    """Of the reward: that one or a directory of sentence-transformers."""
    gradient_checkpointing: bool = False
    """Whether TRL recomputes activations, as is its own default; rlsr's is not to."""


@dataclass(frozen=True)
class Step:
    """One optimiser step."""

    rows: list[dict[str, str]]
    """Its prompts with their references."""
    prompt_tokens: float
    """Mean length of the prompts."""
    response_tokens: float
    """Mean length of the responses."""
    longest_response: int
    """Length of the longest response."""
    num_responses: int
    """Responses of the step."""
    seconds: float
    """From the end of the step before to the end of this one."""
    phases: dict[str, float]
    """Seconds by the names of ``PHASES``; they add up to ``seconds``."""

    @property
    def num_tokens(self) -> float:
        """Generated tokens."""
        return self.response_tokens * self.num_responses


@dataclass(frozen=True)
class Result:
    """What a process measured."""

    request: Request
    """What it was asked for."""
    steps: list[Step]
    """All steps, the warm-up first."""
    peak_gb: float
    """Most resident memory up to the end of the last step, in gigabytes (10^9 bytes)."""
    peak_gpu_gb: float | None = None
    """Most GPU memory that was allocated; None without a GPU."""
    device: str = "cpu"
    """Where it ran."""
    setup: dict[str, float] = field(default_factory=dict)
    """Seconds of what comes before the first step, by name."""
    code: str = "unknown"
    """Commit of rlsr, with a plus sign where the work tree had changes."""

    @property
    def measured(self) -> list[Step]:
        """The steps that count."""
        return self.steps[1:]


def write_result(result: Result, file: Path) -> None:
    """Write a result, atomically: a file that exists is a measurement that was finished.

    Args:
        result: What was measured.
        file: Where to.
    """
    write_json(asdict(result), file)


def write_json(table: Mapping[str, Any], file: Path) -> None:
    """Write a table, atomically.

    Args:
        table: JSON-ready.
        file: Where to.
    """
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, file)  # noqa: PTH105 - atomic on purpose


def read_result(file: Path) -> Result:
    """Read a result.

    Args:
        file: What ``write_result`` wrote.

    Returns:
        The result.
    """
    table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Result(
        **{
            **table,
            "request": Request(**table["request"]),
            "steps": [Step(**step) for step in table["steps"]],
        }
    )


def code_version() -> str:
    """Name the code that runs.

    Returns:
        The commit, with a plus sign where the work tree has changes; ``unknown`` outside of a work tree.
    """
    from rlsr.runs import collect_provenance

    facts = collect_provenance()
    return f"{facts['commit'] or 'unknown'}{'+' if facts['uncommitted_changes'] else ''}"


def split_phases(seconds: float, step_seconds: float, known: dict[str, float]) -> dict[str, float]:
    """Divide a step into phases that add up.

    Args:
        seconds: From the end of the step before to the end of this one.
        step_seconds: What the trainer calls the step, from its first to its last callback.
        known: Seconds of ``generate``, ``reward`` and ``reference``.

    Returns:
        Seconds by the names of ``PHASES``: what else is in the step is the update, what is outside is other.
    """
    update = step_seconds - sum(known.values())
    return {**known, "update": update, "other": seconds - step_seconds}
