"""Which responses share a forward and backward pass."""

from collections.abc import Iterator, Sequence
from itertools import groupby


def grouped_micro_batches(
    groups: Sequence[int],
    prompt_lengths: Sequence[int],
    response_lengths: Sequence[int],
    *,
    tokens_per_pass: int,
) -> list[list[int]]:
    """Split a rollout for passes in which a prompt stands once for all its responses.

    A group stays together where it fits into one pass, since every further pass reads its prompt again.

    Args:
        groups: For each response the number of its prompt.
        prompt_lengths: For each response the tokens of its prompt.
        response_lengths: Tokens of each response; one without tokens takes part in no pass.
        tokens_per_pass: Tokens of a pass; a single response may have more.

    Returns:
        Numbers of the responses of each pass.
    """
    rows = [row for row in range(len(groups)) if response_lengths[row] > 0]
    # TRL has shuffled the rollout.
    rows.sort(key=lambda row: groups[row])
    passes: list[list[int]] = [[]]
    used = 0
    for _, members in groupby(rows, key=lambda row: groups[row]):
        group = list(members)
        prompt = prompt_lengths[group[0]]
        whole = prompt + sum(response_lengths[row] for row in group)
        if passes[-1] and used + whole > tokens_per_pass:
            passes.append([])
            used = 0
        used += prompt
        for row in group:
            if passes[-1] and used + response_lengths[row] > tokens_per_pass:
                passes.append([])
                used = prompt
            passes[-1].append(row)
            used += response_lengths[row]
    return [part for part in passes if part]


def padded_micro_batches(
    prompt_lengths: Sequence[int], response_lengths: Sequence[int], *, tokens_per_pass: int
) -> list[list[int]]:
    """Split a rollout for passes in which every response has a row of its own, padded to the longest of the pass.

    Responses of like length go together, so that little is padded.

    Args:
        prompt_lengths: For each response the tokens of its prompt.
        response_lengths: Tokens of each response; one without tokens takes part in no pass.
        tokens_per_pass: Tokens of a pass, padding included; a single response may have more.

    Returns:
        Numbers of the responses of each pass.
    """
    rows = [row for row in range(len(response_lengths)) if response_lengths[row] > 0]
    rows.sort(key=lambda row: (response_lengths[row], prompt_lengths[row]))
    return list(_fill(rows, prompt_lengths, response_lengths, tokens_per_pass))


def _fill(
    rows: Sequence[int],
    prompt_lengths: Sequence[int],
    response_lengths: Sequence[int],
    tokens_per_pass: int,
) -> Iterator[list[int]]:
    part: list[int] = []
    width = (0, 0)
    for row in rows:
        wider = (max(width[0], prompt_lengths[row]), max(width[1], response_lengths[row]))
        if part and (len(part) + 1) * sum(wider) > tokens_per_pass:
            yield part
            part, wider = [], (prompt_lengths[row], response_lengths[row])
        part.append(row)
        width = wider
    if part:
        yield part
