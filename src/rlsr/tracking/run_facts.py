"""What trackers are told of a run before its first step, read from its directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.runs.directory import RunDirectory
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.secrets import redact
from rlsr.tracking.tracker import TrackedRun

_DEPTH = 3
"""Of a run in its comparison: ``runs``, the recipe, the seed."""


def tracked_run(run: RunDirectory, config: RunConfig, process: int | None = None) -> TrackedRun:
    """Name a run, and say what it belongs to.

    Args:
        run: The run, begun.
        config: Its resolved config.
        process: The one that trains it; None where the run is over.
    """
    directory = run.path.resolve()
    is_stage = PipelineDirectory.is_one(directory.parent)
    pipeline = directory.parent if is_stage else directory
    comparison = _comparison_around(pipeline)
    top = comparison or (pipeline if is_stage else None)
    name = directory.relative_to(top) if top else Path(directory.name)
    parts = name.parts
    if comparison is not None and parts[:1] == ("runs",):
        # What is compared; a trial keeps its `trials/`.
        parts = parts[1:]
    tags = {
        "run_directory": str(directory),
        "method": config.method.type,
        **({"stage": directory.name} if is_stage else {}),
        "model": config.model.name,
        "data": config.data.path,
    }
    return TrackedRun(
        directory=directory,
        name="/".join(parts),
        group=None if top is None else top.name,
        tags={name: redact(value) for name, value in tags.items()},
        config=_without_secrets(config.model_dump(mode="json")),
        process=process,
    )


def _comparison_around(directory: Path) -> Path | None:
    for around in directory.parents[:_DEPTH]:
        if (around / "experiment.json").is_file():
            return around
    return None


def _without_secrets(table: Any) -> Any:
    if isinstance(table, Mapping):
        return {key: _without_secrets(value) for key, value in table.items()}
    if isinstance(table, list):
        return list(map(_without_secrets, table))
    return redact(table) if isinstance(table, str) else table
