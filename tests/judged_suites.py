"""Suites that a model judges, in tests: a policy that answers by script, and settings of a judge on this machine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from judge_server import JudgeServer
from rlsr.config import RunConfig, config_from_table
from rlsr.data.record import PromptRecord
from rlsr.evaluation.asker import Answer, Asker
from rlsr.models import Policy

Script = Callable[[PromptRecord], str]


class ScriptedAsker(Asker):
    """Answers by a script, and remembers what it was asked."""

    def __init__(
        self, script: Script, directory: Path | None = None, model: str = "org/model"
    ) -> None:
        config = config_from_table({"model": {"name": model}})
        super().__init__(cast(Policy, None), config, None, directory)
        object.__setattr__(self, "script", script)
        object.__setattr__(self, "calls", [])

    script: Script
    calls: list[tuple[list[PromptRecord], dict[str, Any]]]

    def answer(
        self,
        records: Sequence[PromptRecord],
        *,
        max_response_tokens: int,
        temperature: float | None = None,
        draw: int = 0,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        how = {"limit": max_response_tokens, "temperature": temperature, "draw": draw}
        self.calls.append((list(records), how))
        return [Answer(self.script(record), True) for record in records]


def unasked(record: PromptRecord) -> str:
    """Fail: the policy was not to be asked."""
    raise AssertionError(f"asked {record.id}")


def suite_config(name: str, server: JudgeServer | None, **settings: Any) -> RunConfig:
    """Write the settings of one suite."""
    if server is not None:
        settings["judge"] = {"endpoint": {"url": server.url, "model": "judge-1", "retries": 0}}
    return config_from_table({"evaluation": {"suites": {name: settings}}})
