"""Weights & Biases, by its own SDK."""

import configparser
import netrc
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from rlsr.config.tracking import WandbTracker
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.packages import package_directory
from rlsr.tracking.samples_text import COLUMNS, table_rows
from rlsr.tracking.tracker import Ending, Sample, TrackedRun, Tracker, TrackerKind

_STEP = "step"
_LEVELS: Mapping[str, Literal["WARN", "ERROR"]] = {"warn": "WARN", "alarm": "ERROR"}
_INTERRUPTED = 255
"""The exit code that W&B shows as a run that was stopped and did not fail."""


class WandbKind(TrackerKind[WandbTracker]):
    """Sends to W&B, or keeps for ``wandb sync``."""

    config = WandbTracker

    def require(self, settings: WandbTracker) -> None:
        """Look for the package, and for a key where one is needed.

        Args:
            settings: Of the tracker.

        Raises:
            ConfigError: It is to be sent, and nobody has logged in.
        """
        if package_directory("wandb") is None:
            raise MissingPackageError(
                "wandb", "send a run to W&B (tracking)", "pip install 'rlsr[wandb]'"
            )
        own = _own_settings()
        mode = settings.mode or os.environ.get("WANDB_MODE") or own.get("mode") or "online"
        server = os.environ.get("WANDB_BASE_URL") or own.get("base_url") or "https://api.wandb.ai"
        if mode in {"online", "shared"} and not _has_key(server):
            raise ConfigError(
                f"tracking: wandb sends runs to {server} with a key, and there is none; run `wandb login`, set WANDB_API_KEY, or keep the "
                "run on this machine with WANDB_MODE=offline (or tracking=[{type: wandb, mode: offline}]) for a later `wandb sync`"
            )

    def open(self, settings: WandbTracker, run: TrackedRun, kept: str | None) -> Tracker:
        """Begin a run, or go on with it.

        Args:
            settings: Of the tracker.
            run: The run.
            kept: The id of the run that is gone on with.
        """
        return _WandbRun(settings, run, kept)


class _WandbRun(Tracker):
    def __init__(self, settings: WandbTracker, run: TrackedRun, kept: str | None) -> None:
        import wandb

        directory = Path(os.environ.get("WANDB_DIR") or run.directory / "tracking")
        self._run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            group=settings.group or run.group,
            name=run.name,
            tags=[
                *(run.tags[name] for name in ("method", "stage") if name in run.tags),
                *settings.tags,
            ],
            config={**run.config, "run": dict(run.tags)},
            mode=settings.mode,
            dir=str(directory),
            id=kept,
            resume=None if kept is None else "allow",
            # What people want to see is the memory and the time of the process that trains.
            settings=wandb.Settings(
                console="off",
                x_disable_stats=run.process is None,
                x_stats_pid=run.process or os.getpid(),
            ),
        )
        self._run.define_metric(_STEP, hidden=True)
        self._run.define_metric("*", step_metric=_STEP)
        self._samples = wandb.Table(columns=[_STEP, *COLUMNS], log_mode="INCREMENTAL")
        self.id = self._run.id
        self.place = self._run.url or shlex.join(["wandb", "sync", self._run.settings.sync_dir])

    def log_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Send numbers; ``step`` is what W&B draws them over, since held-out metrics of a step come after those of the step.

        Args:
            step: Of the optimiser.
            numbers: By name.
        """
        self._run.log({_STEP: step, **numbers})

    def log_samples(self, step: int, samples: Sequence[Sample]) -> None:
        """Add rows to a table; what was sent before is not sent again.

        Args:
            step: Of the optimiser.
            samples: Of the step.
        """
        for row in table_rows(samples):
            self._samples.add_data(step, *row)
        self._run.log({_STEP: step, "samples": self._samples})

    def log_finding(self, step: int, level: str, words: str) -> None:
        """Send an alert.

        Args:
            step: After which it was found.
            level: ``warn`` or ``alarm``.
            words: What was found.
        """
        name = words.partition(":")[0]
        self._run.alert(
            title=f"{level}: {name}", text=f"after step {step}: {words}", level=_LEVELS[level]
        )

    def flush(self) -> None:
        """Do nothing: a process of W&B's own writes what it is given at once."""

    def finish(self, ending: Ending) -> None:
        """Send the summary, and wait until all is sent.

        Args:
            ending: How the run has ended.
        """
        self._run.summary.update(dict(ending.numbers))
        self._run.finish(exit_code=0 if ending.is_complete else _INTERRUPTED)


def _own_settings() -> dict[str, str]:
    """Read what ``wandb login`` and ``wandb offline`` have written: of the user, then of the working directory."""
    home = os.environ.get("WANDB_CONFIG_DIR")
    files = [Path(home) if home else Path.home() / ".config" / "wandb", Path("wandb")]
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read([folder / "settings" for folder in files], encoding="utf-8")
        return dict(parser["default"]) if "default" in parser else {}
    except (configparser.Error, UnicodeDecodeError):
        # W&B says what is wrong with its own file.
        return {}


def _has_key(server: str) -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    named = os.environ.get("NETRC")
    files = [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]
    return any(_knows(file, urlsplit(server).netloc) for file in files)


def _knows(file: Path, host: str) -> bool:
    """Say whether a file of passwords has one for a host."""
    try:
        found: Any = netrc.netrc(file).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return False
    return found is not None
