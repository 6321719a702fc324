"""From the settings to rows that are read one at a time."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from rlsr.config.data import DataConfig
from rlsr.data.convert import to_entry
from rlsr.data.layouts import ResolvedLayout, resolve_layout, rows_to_detect
from rlsr.data.rows import Entry, MarkedRecord, Problem
from rlsr.data.sources import read_rows, source_kind
from rlsr.errors import ConfigError


def check_settings(config: DataConfig) -> None:
    """Refuse settings that clash."""
    kind = source_kind(config.path)
    if config.split != "train" and kind in ("builtin", "file"):
        raise ConfigError(
            f"data.split: only Hugging Face datasets have splits, got {config.split} for "
            f"{config.path}; remove data.split, or mark the rows in a column `split`"
        )
    if config.on_bad_row != "skip_few" and is_set(config, "max_bad_share"):
        raise ConfigError(
            f"data.max_bad_share: only data.on_bad_row=skip_few counts bad rows, got {config.max_bad_share:g} with "
            f"data.on_bad_row={config.on_bad_row}; remove one of the two"
        )
    if config.heldout_path and source_kind(config.heldout_path) not in ("builtin", "file"):
        raise ConfigError(
            f"data.heldout_path: must name a file, got the dataset {config.heldout_path}; "
            "save its rows as .jsonl first"
        )


def is_set(config: DataConfig, name: str) -> bool:
    """Whether a setting is another than its default."""
    return bool(getattr(config, name) != DataConfig.model_fields[name].default)


def open_source(config: DataConfig) -> tuple[Iterator[Entry], ResolvedLayout]:
    """Open ``data.path``; its rows are read as they are asked for."""
    entries, layout = _open_source(config, config.path, config.limit)
    return (entries if config.use_marks else map(_without_mark, entries)), layout


def heldout_entries(config: DataConfig) -> Iterator[Entry]:
    """Read the rows of ``data.heldout_path``, where there is one."""
    if config.heldout_path:
        yield from map(_mark_heldout, _open_source(config, config.heldout_path, None)[0])


def _open_source(
    config: DataConfig, path: str, limit: int | None
) -> tuple[Iterator[Entry], ResolvedLayout]:
    rows = islice(read_rows(path, split=config.split), limit)
    first_rows = rows_to_detect(rows)
    layout = resolve_layout(first_rows, layout=config.layout, columns=config.columns, source=path)
    # One after another: all raw rows beside all records would be twice the memory.
    entries = (
        row if isinstance(row, Problem) else to_entry(row, layout)
        for row in chain(first_rows, rows)
    )
    return entries, layout


def _without_mark(entry: Entry) -> Entry:
    return replace(entry, mark=None) if isinstance(entry, MarkedRecord) else entry


def _mark_heldout(entry: Entry) -> Entry:
    if not isinstance(entry, MarkedRecord):
        return entry
    if entry.mark == "train":
        message = (
            "`split` is train, but the row stands in `data.heldout_path`; change it or move the row"
        )
        return Problem(entry.record.location, "bad_split", message)
    return replace(entry, mark="heldout")
