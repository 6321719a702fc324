"""Directories of runs as they look while a run goes on, and trackers of a package that write down what they are told."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from plugin_packages import write_package
from rlsr.config import RunConfig, load_config
from rlsr.runs import RunDirectory
from rlsr.runs.rows import HeldoutRow

TRACKERS = """
import json
import time
from pathlib import Path
from typing import Literal

from pydantic import create_model

from rlsr.config.tracking import TrackerTable
from rlsr.tracking.tracker import Tracker, TrackerKind


class Settings(TrackerTable):
    file: str
    fails_at: int | None = None
    hangs_at: int | None = None


class Noted(Tracker):
    def __init__(self, settings, run, kept):
        self.id, self.place = kept or "new", f"at {settings.file}"
        self._settings, self._calls = settings, 0
        self._note("open", run.name, run.group, kept)

    def _note(self, *call):
        self._calls += 1
        if self._calls == self._settings.fails_at:
            raise ConnectionError("no way to\\n the server, api_key=0123456789abcdef")
        if self._calls == self._settings.hangs_at:
            time.sleep(3600)
        with Path(self._settings.file).open("a") as notes:
            notes.write(json.dumps(call) + "\\n")

    def log_numbers(self, step, numbers):
        self._note("numbers", step, dict(numbers))

    def log_samples(self, step, samples):
        self._note("samples", step, [sample.response for sample in samples])

    def log_finding(self, step, level, words):
        self._note("finding", step, level, words)

    def flush(self):
        pass

    def finish(self, ending):
        self._note("finish", ending.is_complete, dict(ending.numbers))


def kind(name):
    class Kind(TrackerKind):
        config = create_model("Own", __base__=Settings, type=(Literal[name], name))

        def require(self, settings):
            pass

        def open(self, settings, run, kept):
            return Noted(settings, run, kept)

    return Kind


class One(kind("one")):
    pass


class Two(kind("two")):
    pass
"""
"""Two trackers, ``one`` and ``two``, that write each call into ``file``, and fail or hang at the call of a number."""


def write_trackers(packages: Path) -> None:
    """Install the package of the two trackers."""
    points = {"one": "noting:One", "two": "noting:Two"}
    write_package(packages, "noting", TRACKERS, rlsr_trackers=points)


def calls_in(file: Path) -> list[list[Any]]:
    """What a tracker was told: the name of each call with its arguments."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def steps_in(calls: Sequence[Sequence[Any]]) -> list[int]:
    """The steps whose own numbers were sent, in their order."""
    return [call[1] for call in calls if call[0] == "numbers" and "reward/mean" in call[2]]


@cache
def _config(*settings: str) -> RunConfig:
    return load_config(overrides=["data=builtin:instructions", *settings])


class GrowingRun:
    """A run that takes steps without training."""

    def __init__(self, path: Path, *settings: str) -> None:
        self.config = _config(*settings)
        self.run = RunDirectory.create(path, self.config)

    def step(self, step: int, **numbers: float | None) -> None:
        """Write the row of a step as a trainer does, then its samples."""
        self.run.append_metrics({"step": step, "reward/mean": step / 10, **numbers})
        rows = [
            {"prompt": "p", "response": f"{step}-{place}", "reference": "r", "reward": place / 10}
            for place in range(6)
        ]
        self.run.write_samples(step, rows)

    def evaluate(self, when: str, *scores: float) -> None:
        """Write held-out answers with the scores."""
        rows = [
            HeldoutRow(str(place), f"p{place}", "r", "a", {"chrf": score})
            for place, score in enumerate(scores)
        ]
        self.run.write_evaluation(when, rows)

    def end(self, **facts: Any) -> None:
        """Complete the run."""
        self.run.write_manifest({"num_steps": 3, "heldout": [], **facts})


def heldout_change(name: str, before: float, after: float) -> Mapping[str, Any]:
    """A held-out metric as a manifest has it."""
    means = {"before": before, "after": after, "difference": after - before}
    return {"name": name, **{part: {"mean": mean, "num": 2} for part, mean in means.items()}}
