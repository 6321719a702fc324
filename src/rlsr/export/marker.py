"""By what an export is known again: only what was written here, and nothing else beside it, is ever replaced."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rlsr
from rlsr.errors import RunError
from rlsr.models.weight_files import WEIGHTS
from rlsr.runs.checksums import CHECKSUMS, write_checksums
from rlsr.runs.directory import require_free
from rlsr.runs.json_file import read_json, write_json

MARKER = "rlsr_export.json"
"""The list of the files of an export, in its directory."""


def complete_export(directory: Path, card: str, facts: Mapping[str, Any]) -> None:
    """Write what comes last into an export: its card, the checksums of its weights, and the list of its files.

    Args:
        directory: With the model.
        card: Markdown.
        facts: What else is worth knowing of it.

    Raises:
        RunError: The place cannot be written.
    """
    readme = directory / "README.md"
    readme.write_text(card, encoding="utf-8")
    for file in directory.glob(WEIGHTS):
        # safetensors writes for its owner alone, and a server may be somebody else.
        shutil.copymode(readme, file)
    write_checksums(directory, WEIGHTS)
    write_marker(directory, facts)


def write_marker(directory: Path, facts: Mapping[str, Any]) -> None:
    """List the files of an export.

    Args:
        directory: Complete but for this file.
        facts: What else is worth knowing of it.
    """
    write_json(
        directory / MARKER,
        {"rlsr": rlsr.__version__, **facts, "files": [*_files_in(directory), MARKER]},
    )


def exported_files(directory: Path) -> list[str]:
    """List what an export has written, for whom it is passed on to: what rlsr alone reads is left out.

    Args:
        directory: Of an export.
    """
    return [
        name for name in read_json(directory / MARKER)["files"] if name not in {MARKER, CHECKSUMS}
    ]


def require_place(target: Path, *, overwrite: bool) -> None:
    """Refuse a place where something stands that an export must not replace.

    Args:
        target: The directory that is to be made.
        overwrite: Whether an export of before may be replaced.

    Raises:
        RunError: The place is taken.
    """
    is_export = (target / MARKER).is_file()
    if not overwrite or not is_export:
        way_out = "name another with --to"
        if is_export:
            way_out += ", or replace this export with --overwrite"
        elif overwrite:
            way_out += (
                "; --overwrite replaces only what an export has written, and this is something else"
            )
        require_free(target, "--to: an export needs", way_out)
        return
    known = read_json(target / MARKER).get("files")
    others = sorted(set(_files_in(target)) - set(known if isinstance(known, list) else [MARKER]))
    if others:
        raise RunError(
            f"{target}: --overwrite: replaces only what an export has written, and {others[0]} was added since; move it away, or name another directory "
            "with --to"
        )


def _files_in(directory: Path) -> list[str]:
    return sorted(
        file.relative_to(directory).as_posix() for file in directory.rglob("*") if file.is_file()
    )
