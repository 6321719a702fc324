"""Checks on all rows together; each turns bad records into problems or joins them, in place."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from rlsr.data.record import PromptRecord
from rlsr.data.rows import Entry, MarkedRecord, MergedRow, Problem
from rlsr.errors import DataError

CountTokens = Callable[[PromptRecord], int]


def check_length(
    entries: Sequence[Entry], *, count_tokens: CountTokens, max_prompt_tokens: int
) -> list[Entry]:
    """Refuse prompts that are longer than the budget.

    Args:
        entries: What became of the rows so far.
        count_tokens: Counts a prompt's tokens, chat template included; its DataError makes the row a problem.
        max_prompt_tokens: The budget.

    Returns:
        As many entries, in the same order.
    """
    return [
        _check_record_length(entry, count_tokens, max_prompt_tokens)
        if isinstance(entry, MarkedRecord)
        else entry
        for entry in entries
    ]


def merge_same_prompts(entries: Sequence[Entry]) -> list[Entry]:
    """Make rows with the same prompt one prompt with several references.

    The references stand in the order of the rows, equal ones once. Everything else is of the first row: its id, place,
    category and further columns win over those of the others. A row of them that is marked ``train`` marks them all.

    Rows with a rejected answer belong to their own reference, so they stay apart unless they are equal: merged, two pairs
    would be one, and the answer that is rejected in one of them may be the reference of the other.

    Args:
        entries: What became of the rows so far.

    Returns:
        As many entries, in the same order.
    """
    first_places: dict[Hashable, int] = {}
    groups: dict[int, list[tuple[int, MarkedRecord]]] = {}
    for place, entry in enumerate(entries):
        if isinstance(entry, MarkedRecord):
            first_place = first_places.setdefault(_merge_key(entry.record), place)
            if first_place != place:
                groups.setdefault(first_place, []).append((place, entry))
    merged = list(entries)
    for place, others in groups.items():
        first = entries[place]
        assert isinstance(first, MarkedRecord), "problems have no key"
        references = dict.fromkeys(first.record.references)
        for later_place, later in others:
            is_repeated = references.keys() >= set(later.record.references)
            references |= dict.fromkeys(later.record.references)
            merged[later_place] = MergedRow(later.record.location, is_repeated)
        record = replace(first.record, other_references=tuple(references)[1:])
        is_train = any(row.mark == "train" for _, row in others)
        merged[place] = replace(first, record=record, mark="train" if is_train else first.mark)
    return merged


def prompt_key(record: PromptRecord) -> bytes:
    """Give what two prompts share that differ in case and white space alone.

    A digest, since the keys of all rows would take as much memory as their prompts.
    """
    # Folded text holds no control character of this kind, since each counts as white space.
    folded = "".join(
        [
            f"{message.role}\x1f{' '.join(message.content.casefold().split())}\x1e"
            for message in record.messages
        ]
    )
    return hashlib.blake2b(folded.encode(), digest_size=16).digest()


def prompt_keys(records: Iterable[PromptRecord]) -> np.ndarray:
    """Give the ``prompt_key`` of each record, as one array of 16 bytes a record."""
    found = bytearray()
    for record in records:
        found += prompt_key(record)
    return np.frombuffer(found, dtype="S16")


def _merge_key(record: PromptRecord) -> Hashable:
    if record.rejected is None:
        return record.messages
    return record.messages, record.reference, record.rejected


def _check_record_length(entry: MarkedRecord, count_tokens: CountTokens, budget: int) -> Entry:
    try:
        num_tokens = count_tokens(entry.record)
    except DataError as error:
        return Problem(entry.record.location, "bad_conversation", str(error))
    if num_tokens <= budget:
        return entry
    return Problem(
        entry.record.location,
        "prompt_too_long",
        f"the prompt has {num_tokens} tokens, the budget is {budget}; "
        "shorten it or raise method.max_prompt_tokens",
    )


def leaked(location: str, place: str) -> Problem:
    """Say that a training row has a held-out prompt.

    Args:
        location: Of the row.
        place: Of the held-out row.
    """
    return Problem(
        location,
        "split_leak",
        f"the prompt is also held out, at {place} (case and spacing aside), so it would be "
        "trained on and measured; remove it here or there",
    )


def repeated(location: str, first: str, *, same_reference: bool, same_rejected: bool) -> Problem:
    """Say that a row's prompt stood before.

    Args:
        location: Of the row.
        first: Where the prompt stood first.
        same_reference: Whether with the same reference.
        same_rejected: Whether with the same rejected answer, or none both times.
    """
    if same_reference:
        message = f"repeats {first}, prompt and reference; remove one of the two"
        if not same_rejected:
            message = (
                f"repeats {first}, prompt and reference, with another rejected answer; "
                "keep one of the two"
            )
        return Problem(location, "duplicate", message)
    message = f"the prompt stands at {first} with another reference; keep one of the two"
    return Problem(location, "conflicting_reference", message)
