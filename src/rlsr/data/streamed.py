"""What ``load_dataset`` would say of data, without keeping their texts; the report is the same."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rlsr.config.data import DataConfig
from rlsr.data.checks import CountTokens
from rlsr.data.dataset import DataReport
from rlsr.data.entries import check_settings, heldout_entries, open_source
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Entry, MarkedRecord
from rlsr.data.understood import divide, understand


@dataclass(frozen=True)
class CheckedData:
    """What was understood of data."""

    report: DataReport
    first: PromptRecord
    """The first training row."""


def check_data(
    config: DataConfig,
    *,
    count_tokens: CountTokens | None = None,
    max_prompt_tokens: int | None = None,
) -> CheckedData:
    """Read and check data as ``load_dataset`` does; the source is read again for the places of rows that repeat or leak others.

    Args:
        config: What to read and how; without ``remove_overlap``, which looks at texts again.
        count_tokens: As there.
        max_prompt_tokens: As there.

    Returns:
        Its report, and the first training row.

    Raises:
        ConfigError: If settings clash.
        DataError: As there, with the same words.
        MissingPackageError: If reading the source needs a package that is not installed.
    """
    assert not config.remove_overlap, "texts are not kept"
    check_settings(config)
    rows = understand(config, count_tokens, max_prompt_tokens, lambda _: None)
    rows.facts.settle(lambda wanted: _locations(config, wanted))
    train, heldout = divide(config, rows)
    first = int(train[0])
    others = rows.facts.further_references().get(first, [])
    return CheckedData(
        rows.facts.report(rows.layout, train, heldout), _record_of(config, first, others)
    )


def _again(config: DataConfig) -> Iterator[Entry]:
    yield from open_source(config)[0]
    yield from heldout_entries(config)


def _locations(config: DataConfig, rows: set[int]) -> dict[int, str]:
    return {
        row: entry.record.location
        for row, entry in enumerate(_again(config))
        if row in rows and isinstance(entry, MarkedRecord)
    }


def _record_of(config: DataConfig, first: int, others: list[int]) -> PromptRecord:
    """Read a row again, with the further references of its prompt."""
    wanted = {first, *others}
    found = []
    for row, entry in enumerate(_again(config)):
        if row in wanted:
            assert isinstance(entry, MarkedRecord), "it was one before"
            found.append(entry.record)
        if len(found) == len(wanted):
            break
    record, *further = found
    return replace(record, other_references=tuple(one.reference for one in further))
