"""Files of suites as their authors publish them, on this machine or on the Hugging Face hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsr.data.rows import Problem
from rlsr.data.sources import read_rows
from rlsr.errors import DataError
from rlsr.hub import prepare_for_hub


def published_rows(path: str, hint: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Read rows.

    Args:
        path: A file, or the id of a dataset.
        hint: What rows must have, as the end of a message.

    Returns:
        The place of each row, and the row.

    Raises:
        DataError: It cannot be read, or holds something else than objects.
    """
    found = []
    for row in read_rows(path):
        if isinstance(row, Problem):
            raise DataError(row.line)
        if not isinstance(row.value, Mapping):
            raise DataError(f"{row.location}: is no object; {hint}")
        found.append((row.location, row.value))
    return found


def text_of(row: Mapping[str, Any], name: str, place: str, hint: str) -> str:
    """Take a text out of a row.

    Args:
        row: The row.
        name: Of the text.
        place: Of the row, for messages.
        hint: What rows must have, as the end of a message.

    Raises:
        DataError: It is not there, or empty.
    """
    text = row.get(name)
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"{place}: {name} must be a text that is not empty, got {text!r}; {hint}")
    return text


def hub_file(dataset: str, name: str, way_out: str) -> Path:
    """Get a file of a dataset, or the copy that was got before.

    Args:
        dataset: Its id on the hub.
        name: Of the file.
        way_out: What to do where it cannot be reached, as the end of a message.

    Raises:
        DataError: It cannot be reached.
    """
    from huggingface_hub import hf_hub_download

    prepare_for_hub()
    try:
        return Path(hf_hub_download(dataset, name, repo_type="dataset"))
    except (OSError, ValueError, RuntimeError) as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(
            f"{name} of {dataset} could not be loaded from the Hugging Face hub: {first_line}; {way_out}"
        ) from error
