"""Runs the processes of the step benchmarks one after another, and keeps what they measured.

This process stays small (it loads no torch), because Linux lets a child begin with its parent's peak of memory.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from step_data import RowsRequest, as_argument
from step_record import Request, Result, read_result, write_json

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_SCRIPTS = {
    "rlsr": "step_rlsr.py",
    "rlsr-vllm": "step_rlsr.py",
    "trl": "step_trl.py",
    "trl-vllm": "step_trl.py",
}
_SHOWN_CHARACTERS = 3000


class StepRunError(Exception):
    """A process failed, or a directory holds results of other settings."""


class Inputs:
    """Policies and rows of a benchmark, made when first asked for.

    Args:
        model: ``builtin:smollm2-135m`` or a directory.
        directory: Where they are kept.
    """

    def __init__(self, model: str, directory: Path) -> None:
        self._name = model
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def model_config(self) -> dict[str, Any]:
        """``config.json`` of the policy."""
        config: dict[str, Any] = self._found["config"]
        return config

    def model(self, *, endless: bool) -> str:
        """Name the directory of the policy.

        Args:
            endless: Whether no response may end before the maximum.

        Returns:
            Its path.
        """
        directory = str(self._found["directory"])
        if not endless:
            return directory
        copy = self._directory / "endless"
        if not (copy / "complete").is_file():
            _make({"kind": "endless", "model": directory, "out": str(copy)})
            (copy / "complete").touch()
        return str(copy)

    def rows(self, prompt_tokens: int, *, with_instruction: bool, num_rows: int = 64) -> str:
        """Name a file of prompts with references.

        Args:
            prompt_tokens: Mean length of the prompts, about.
            with_instruction: Whether to ask for one sentence.
            num_rows: How many.

        Returns:
            Its path.
        """
        kind = "sentence" if with_instruction else "plain"
        file = self._directory / f"rows-{prompt_tokens}-{kind}-{num_rows}.jsonl"
        if not file.is_file():
            request = RowsRequest(
                model=str(self._found["directory"]),
                out=str(file),
                prompt_tokens=prompt_tokens,
                with_instruction=with_instruction,
                num_rows=num_rows,
            )
            _make(as_argument(request))
        return str(file)

    @property
    def _found(self) -> dict[str, Any]:
        file = self._directory / "model.json"
        if not file.is_file():
            _make({"kind": "model", "model": self._name, "out": str(file)})
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if found["name"] != self._name:
            raise StepRunError(
                f"{self._directory} belongs to {found['name']}, not to {self._name}; name another --out"
            )
        return found


def measure(request: Request, file: Path) -> Result:
    """Run a process, unless its result is there already.

    Args:
        request: What it does.
        file: Where its result is kept.

    Returns:
        The result.

    Raises:
        StepRunError: The process failed, or the file holds the result of another request.
    """
    if file.is_file():
        result = read_result(file)
        if result.request != request:
            raise StepRunError(
                f"{file} was measured with other settings; name another --out, or remove it"
            )
        return result
    wanted = file.with_suffix(".request.json")
    write_json(asdict(request), wanted)
    started = time.perf_counter()
    _run([str(_HERE / _SCRIPTS[request.side]), str(wanted), str(file)], file.with_suffix(".log"))
    result = read_result(file)
    logger.info(
        "%s: %.1f s a step, %.0f tokens a response, %.2f GB, %.0f s in all",
        file.stem,
        sum(step.seconds for step in result.measured) / len(result.measured),
        sum(step.response_tokens for step in result.measured) / len(result.measured),
        result.peak_gb,
        time.perf_counter() - started,
    )
    return result


def _make(argument: Mapping[str, Any]) -> None:
    out = Path(str(argument["out"]))
    _run([str(_HERE / "step_data.py"), json.dumps(argument)], out.with_name(f"{out.name}.log"))


def _run(arguments: list[str], log: Path) -> None:
    environment = {"TOKENIZERS_PARALLELISM": "false", **os.environ}
    if arguments[0].endswith(_SCRIPTS["rlsr"]):
        # As the command `rlsr` sets it; TRL runs as PyTorch comes.
        environment = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000", **environment}
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [sys.executable, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            check=False,
        )
    if done.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-_SHOWN_CHARACTERS:]
        raise StepRunError(f"{arguments[0]} ended with {done.returncode}; {log}:\n{tail}")
