"""From the config to a checked and split dataset."""

from dataclasses import replace

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data.checks import CountTokens
from rlsr.data.dataset import Dataset
from rlsr.data.entries import check_settings
from rlsr.data.facts import RowFacts
from rlsr.data.overlap_files import without_overlap
from rlsr.data.rows import Entry, MarkedRecord
from rlsr.data.stored import RecordFile, StoredRecords
from rlsr.data.understood import divide, understand


def load_dataset(
    config: DataConfig,
    *,
    count_tokens: CountTokens | None = None,
    max_prompt_tokens: int | None = None,
) -> Dataset:
    """Read, check and split the data.

    Args:
        config: What to read and how.
        count_tokens: Counts a prompt's tokens, chat template included; needed for the budget, within which it may say too many.
        max_prompt_tokens: Longest prompt allowed, in tokens; None allows any.

    Returns:
        The records in file order, those to train on in a file of this process, and a report that accounts for every row read.

    Raises:
        ConfigError: If settings clash.
        DataError: If a source cannot be used, if rows are bad and not to be skipped (all of them
            are listed in ``problems``, the first in the message), if no row is left to train on, or if there is no room to keep them.
        MissingPackageError: If reading the source needs a package that is not installed.
    """
    check_settings(config)
    file = RecordFile()

    def keep(entry: Entry) -> None:
        file.add(entry.record if isinstance(entry, MarkedRecord) else None)

    rows = understand(config, count_tokens, max_prompt_tokens, keep)
    rows.facts.settle(lambda wanted: {row: file.read(row).location for row in wanted})
    divided, heldout = divide(config, rows)
    records = StoredRecords(file, _settled(file, rows.facts))
    file.flush()
    train = divided[without_overlap(config, records.at(divided))]
    report = rows.facts.report(
        rows.layout, train, heldout, num_overlapping=len(divided) - len(train)
    )
    return Dataset(records.at(train), tuple(records.at(heldout)), report, rows.facts.keys_of(train))


def _settled(file: RecordFile, facts: RowFacts) -> np.ndarray:
    """Give prompts their further references, and names of their own.

    Args:
        file: Of a record a row; those that change are added to it.
        facts: Of the rows.

    Returns:
        Of each row the number of its record in the file.
    """
    numbers = np.arange(len(file))
    for first, rows in facts.further_references().items():
        others = tuple(file.read(row).reference for row in rows)
        numbers[first] = file.add(replace(file.read(first), other_references=others))
    # Several rows share an id where parts of a set count from 0 each.
    for row in facts.sharing_ids(facts.used):
        record = file.read(int(numbers[row]))
        numbers[row] = file.add(replace(record, id=f"{record.id} ({record.location})"))
    return numbers
