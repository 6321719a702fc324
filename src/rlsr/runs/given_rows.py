"""Rows that a run was given in memory: they are kept in its directory, so that it can be resumed, moved and looked at.

They are JSON lines, and the config names them as ``data.path`` and ``data.heldout_path``; their hash stands in
``provenance.json`` like that of any data.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.config import RunConfig
from rlsr.errors import RunError
from rlsr.runs.json_file import write_json_lines

ROWS_FILE = "given-rows.jsonl"
HELDOUT_FILE = "given-heldout.jsonl"
GIVEN_FILES = frozenset({ROWS_FILE, HELDOUT_FILE})
"""What may stand in a directory before the run is begun there."""

_SETTINGS = {"path": ROWS_FILE, "heldout_path": HELDOUT_FILE}


def keep_rows(directory: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Path]:
    """Write rows into the directory of a run to be.

    Args:
        directory: Made where it is not there.
        rows: By name of the file, ``ROWS_FILE`` or ``HELDOUT_FILE``; JSON-ready.

    Returns:
        The files that were not there before.

    Raises:
        RunError: Other rows were given there before, or the directory cannot be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{directory}: the directory cannot be made: {error}") from error
    written = []
    for name, given in rows.items():
        file = directory / name
        before = file.read_bytes() if file.is_file() else None
        draft = write_json_lines(directory / f"{name}.new", given)
        if before is None:
            draft.replace(file)
            written.append(file)
            continue
        is_same = draft.read_bytes() == before
        draft.unlink()
        if not is_same:
            raise RunError(
                f"{file}: other rows were given here before; give those again to go on, or name another directory with out"
            )
    return written


def with_moved_rows(config: RunConfig, directory: Path) -> RunConfig:
    """Let a run find the rows that it was given where its directory, or that of its stages, was moved to.

    Args:
        config: As the run has kept it.
        directory: Where the run lies now.

    Returns:
        The config, with the rows' new place where they are no longer at the old one.
    """
    moved = {}
    for setting, name in _SETTINGS.items():
        old = getattr(config.data, setting)
        if old is None or Path(old).name != name or Path(old).is_file():
            continue
        here = (place / name for place in (directory, directory.parent))
        found = next((file for file in here if file.is_file()), None)
        if found is not None:
            moved[setting] = str(found.resolve())
    if not moved:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update=moved)})
