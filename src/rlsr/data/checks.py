"""Checks on all rows together; each turns bad records into problems, in place."""

from collections.abc import Callable, Hashable, Sequence

from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Entry, MarkedRecord, Problem
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


def check_leaks(entries: Sequence[Entry]) -> list[Entry]:
    """Refuse training rows whose prompt is held out too, be it with other case or spacing.

    The training row is the one to go: without the held-out row, results would no longer compare
    with others' results on the same held-out set.

    Args:
        entries: What became of the rows so far.

    Returns:
        As many entries, in the same order.
    """
    places: dict[Hashable, str] = {}
    for entry in entries:
        if isinstance(entry, MarkedRecord) and entry.mark == "heldout":
            places.setdefault(prompt_key(entry.record), entry.record.location)
    return [_check_record_leak(entry, places) for entry in entries]


def check_duplicates(entries: Sequence[Entry]) -> list[Entry]:
    """Refuse rows whose prompt stood before, with the same reference or with another.

    Args:
        entries: What became of the rows so far.

    Returns:
        As many entries, in the same order.
    """
    first_records: dict[tuple[Message, ...], PromptRecord] = {}
    checked: list[Entry] = []
    for entry in entries:
        if isinstance(entry, MarkedRecord):
            first = first_records.setdefault(entry.record.messages, entry.record)
            checked.append(entry if first is entry.record else _repeated(entry.record, first))
        else:
            checked.append(entry)
    return checked


def prompt_key(record: PromptRecord) -> Hashable:
    """Give what two prompts share that differ in case and white space alone."""
    return tuple(
        (message.role, " ".join(message.content.casefold().split())) for message in record.messages
    )


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


def _check_record_leak(entry: Entry, heldout_places: dict[Hashable, str]) -> Entry:
    if isinstance(entry, Problem) or entry.mark == "heldout":
        return entry
    place = heldout_places.get(prompt_key(entry.record))
    if place is None:
        return entry
    return Problem(
        entry.record.location,
        "split_leak",
        f"the prompt is also held out, at {place} (case and spacing aside), so it would be "
        "trained on and measured; remove it here or there",
    )


def _repeated(record: PromptRecord, first: PromptRecord) -> Problem:
    if record.reference == first.reference:
        message = f"repeats {first.location}, prompt and reference; remove one of the two"
        if record.rejected != first.rejected:
            message = (
                f"repeats {first.location}, prompt and reference, with another rejected answer; "
                "keep one of the two"
            )
        return Problem(record.location, "duplicate", message)
    message = f"the prompt stands at {first.location} with another reference; keep one of the two"
    return Problem(record.location, "conflicting_reference", message)
