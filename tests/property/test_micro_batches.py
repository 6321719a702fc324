"""Passes: every response once, none too long, groups together; and the way between padded tables and tokens."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from rlsr.engines.trl.padded import Responses, read_responses, take_rows  # noqa: E402
from rlsr.engines.trl.passes import micro_batches  # noqa: E402
from rlsr.forward.micro_batches import (  # noqa: E402 - needs torch
    grouped_micro_batches,
    padded_micro_batches,
)


@st.composite
def rollouts(draw: st.DrawFn, *, shortest: int = 0) -> Responses:
    """Prompts that differ, their responses in any order."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    groups = [group for group in range(len(lengths)) for _ in range(draw(st.integers(1, 5)))]
    groups = draw(st.permutations(groups))
    # Numbered by their first response, as they are read.
    numbers: dict[int, int] = {}
    for group in groups:
        numbers.setdefault(group, len(numbers))
    return Responses(
        prompts=[(10 + group, *range(1, lengths[group])) for group in groups],
        responses=[[7] * draw(st.integers(shortest, 12)) for _ in groups],
        groups=[numbers[group] for group in groups],
    )


def padded(rows: Responses) -> dict[str, Any]:
    """Write a rollout as TRL does: prompts padded on the left, responses on the right, two places to spare."""
    width, num_tokens = max(rows.prompt_lengths) + 2, max(rows.response_lengths) + 2
    tables: dict[str, list[list[int]]] = {"prompt": [], "completion": []}
    masks: dict[str, list[list[int]]] = {"prompt": [], "completion": []}
    for prompt, response in zip(rows.prompts, rows.responses, strict=True):
        left, right = width - len(prompt), num_tokens - len(response)
        tables["prompt"].append([0] * left + list(prompt))
        masks["prompt"].append([0] * left + [1] * len(prompt))
        tables["completion"].append(response + [0] * right)
        masks["completion"].append([1] * len(response) + [0] * right)
    return {
        **{f"{name}_ids": torch.tensor(table) for name, table in tables.items()},
        **{f"{name}_mask": torch.tensor(mask) for name, mask in masks.items()},
    }


def read(batch: dict[str, Any]) -> Responses:
    ids, mask = (
        torch.cat([batch[f"prompt_{part}"], batch[f"completion_{part}"]], dim=1)
        for part in ("ids", "mask")
    )
    return read_responses(ids, mask, batch["completion_ids"].shape[1])


def grouped_tokens(rows: Responses, part: list[int]) -> int:
    """Count each prompt once."""
    prompts = {rows.groups[row]: len(rows.prompts[row]) for row in part}
    return sum(prompts.values()) + sum(len(rows.responses[row]) for row in part)


def padded_tokens(rows: Responses, part: list[int]) -> int:
    """Count a rectangle as high as the pass and as wide as its longest prompt and its longest response."""
    taken = rows.take(part)
    return len(part) * (max(taken.prompt_lengths) + max(taken.response_lengths))


@given(rollouts(), st.integers(1, 120), st.booleans())
def test_every_response_with_tokens_is_in_one_pass(
    rows: Responses, tokens_per_pass: int, by_groups: bool
) -> None:
    parts = micro_batches(rows, tokens_per_pass=tokens_per_pass, by_groups=by_groups)
    assert all(parts)
    assert sorted(row for part in parts for row in part) == [
        row for row, length in enumerate(rows.response_lengths) if length
    ]


@given(rollouts(), st.integers(1, 120))
def test_only_a_single_response_exceeds_the_tokens_of_a_pass(
    rows: Responses, tokens_per_pass: int
) -> None:
    for by_groups, tokens in ((True, grouped_tokens), (False, padded_tokens)):
        for part in micro_batches(rows, tokens_per_pass=tokens_per_pass, by_groups=by_groups):
            assert len(part) == 1 or tokens(rows, part) <= tokens_per_pass


@given(rollouts(), st.integers(1, 120))
def test_a_group_that_fits_stays_together(rows: Responses, tokens_per_pass: int) -> None:
    parts = grouped_micro_batches(
        rows.groups, rows.prompt_lengths, rows.response_lengths, tokens_per_pass=tokens_per_pass
    )
    for group in set(rows.groups):
        members = {row for row, number in enumerate(rows.groups) if number == group}
        members = {row for row in members if rows.responses[row]}
        if members and grouped_tokens(rows, sorted(members)) <= tokens_per_pass:
            assert sum(bool(members & set(part)) for part in parts) == 1


@given(rollouts(), st.integers(1, 120))
def test_a_padded_pass_ends_where_the_next_response_would_not_fit(
    rows: Responses, tokens_per_pass: int
) -> None:
    parts = padded_micro_batches(
        rows.prompt_lengths, rows.response_lengths, tokens_per_pass=tokens_per_pass
    )
    for part, after in pairwise(parts):
        assert padded_tokens(rows, [*part, after[0]]) > tokens_per_pass


@given(rollouts())
def test_padding_comes_off_again(rows: Responses) -> None:
    assert read(padded(rows)) == rows


@given(rollouts(shortest=1), st.data())
def test_rows_that_are_taken_keep_their_tokens_and_lose_their_padding(
    rows: Responses, data: st.DataObject
) -> None:
    part = data.draw(
        st.lists(st.integers(0, len(rows.groups) - 1), min_size=1, unique=True), label="part"
    )
    batch = padded(rows)
    shape = batch["completion_ids"].shape
    batch |= {
        "ref_per_token_logps": torch.randn(shape),
        "importance_sampling_ratio": torch.randn(shape[0], 1),
        "advantages": torch.randn(shape[0]),
        "num_items_in_batch": torch.tensor(5),
        "tool_mask": None,
    }
    taken = take_rows(batch, part)
    expected = rows.take(part)
    found = read(taken)
    assert (found.prompts, found.responses) == (expected.prompts, expected.responses)
    longest = max(expected.response_lengths)
    assert taken["prompt_ids"].shape == (len(part), max(expected.prompt_lengths))
    assert taken["completion_ids"].shape == (len(part), longest)
    kept = batch["ref_per_token_logps"][part][:, :longest]
    assert torch.equal(taken["ref_per_token_logps"], kept)
    for name in ("importance_sampling_ratio", "advantages"):
        assert torch.equal(taken[name], batch[name][part])
    assert taken["num_items_in_batch"] is batch["num_items_in_batch"]
    assert taken["tool_mask"] is None
    assert taken.keys() == batch.keys()
