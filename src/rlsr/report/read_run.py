"""Reads the directory of a run or a pipeline, complete or not, and checks it; torch is not needed for that."""

import json
import math
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rlsr.errors import RunError
from rlsr.report.run_data import HeldoutRow, Number, Row, Run, Stage, StepRow
from rlsr.runs.directory import read_json
from rlsr.runs.pipeline_directory import FILE, PipelineDirectory


def is_run(path: Path) -> bool:
    """Say whether a directory looks like one run.

    Args:
        path: A directory.

    Returns:
        True if a run was begun there, or a policy evaluated.
    """
    files = ("config.json", "manifest.json", "evaluation/after.jsonl", "evaluation/before.jsonl")
    return any((path / file).is_file() for file in files)


def read_run(path: Path) -> Run:
    """Read a run or a pipeline, complete or not.

    Args:
        path: Its directory.

    Returns:
        What is there.

    Raises:
        RunError: It is neither, or one of its files is damaged.
    """
    if PipelineDirectory.is_one(path):
        return _read_pipeline(path)
    if not is_run(path):
        raise RunError(
            f"{path}: expected the directory of a run, a pipeline or a comparison (with a config.json, pipeline.json or "
            f"experiment.json), got {_what_is_there(path)}; name the directory that rlsr train or rlsr compare made"
        )
    return Run(path, (_read_stage(path),))


_RESTORE = "restore the file, or leave the directory out of the report"


def _what_is_there(path: Path) -> str:
    if not path.exists():
        return "nothing (there is no such directory)"
    return "another directory" if path.is_dir() else "a file"


def _read_pipeline(path: Path) -> Run:
    file = path / FILE
    try:
        names = [str(stage["name"]) for stage in read_json(file)["stages"]]
    except (KeyError, TypeError) as error:
        raise RunError(f"{file}: damaged: expected stages with a name each; {_RESTORE}") from error
    begun = [name for name in names if is_run(path / name)]
    if not begun:
        raise RunError(
            f"{path}: no stage of this pipeline was begun ({', '.join(names) or 'it has none'}); "
            "there is nothing to report yet"
        )
    missing = tuple(name for name in names if name not in begun)
    return Run(path, tuple(_read_stage(path / name) for name in begun), missing)


def _read_stage(path: Path) -> Stage:
    provenance = _read_table_if_there(path / "provenance.json") or {}
    sessions = provenance.get("sessions", [])
    return Stage(
        name=path.resolve().name,
        path=path,
        config=_read_table_if_there(path / "config.json") or {},
        sessions=tuple(session for session in sessions if isinstance(session, dict))
        if isinstance(sessions, list)
        else (),
        steps=_read_steps(path / "metrics.jsonl"),
        before=_read_heldout(path / "evaluation" / "before.jsonl"),
        after=_read_heldout(path / "evaluation" / "after.jsonl"),
        manifest=_read_table_if_there(path / "manifest.json"),
    )


def _read_table_if_there(file: Path) -> Row | None:
    return read_json(file) if file.is_file() else None


def _read_lines(file: Path, *, may_be_cut_off: bool) -> list[tuple[int, Any]]:
    """Read JSON lines with their numbers; only a file that grows line by line may end in the middle of one."""
    if not file.is_file():
        return []
    try:
        # Not splitlines: an answer may hold characters that it takes for the end of a line.
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: unreadable: {error}; {_RESTORE}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append((number, json.loads(line)))
        except ValueError as error:
            if may_be_cut_off and number == len(lines):
                break
            raise RunError(f"{file}:{number}: damaged line: {error}; {_RESTORE}") from error
    return rows


_HELDOUT_ROW = TypeAdapter(HeldoutRow)
_STEP_VALUES = TypeAdapter(dict[str, Number])


def _read_heldout(file: Path) -> tuple[HeldoutRow, ...] | None:
    if not file.is_file():
        return None
    return tuple(
        _checked(_HELDOUT_ROW, row, f"{file}:{number}")
        for number, row in _read_lines(file, may_be_cut_off=False)
    )


def _read_steps(file: Path) -> tuple[StepRow, ...]:
    """Read the steps; of one that a resumed run has taken twice the last line counts."""
    found: dict[int, StepRow] = {}
    for number, row in _read_lines(file, may_be_cut_off=True):
        values = _checked(_STEP_VALUES, row, f"{file}:{number}")
        step = values.pop("step", math.nan)
        if not math.isfinite(step):
            raise RunError(f"{file}:{number}: damaged line: it has no step; {_RESTORE}")
        found[int(step)] = StepRow(int(step), values)
    return tuple(found[step] for step in sorted(found))


def _checked(adapter: TypeAdapter[Any], value: Any, place: str) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the line"
        raise RunError(f"{place}: damaged: {key}: {first['msg'].lower()}; {_RESTORE}") from error
