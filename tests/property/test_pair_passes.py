"""Passes over pairs: every pair once and whole, and none too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the train extra is not installed")

from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.preference import pair_passes

sizes = st.lists(
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=9
)


@given(sizes, st.integers(2, 120), st.booleans())
def test_every_pair_stands_in_one_pass_that_is_not_too_long(
    lengths: list[tuple[int, int, int]], tokens_per_pass: int, by_groups: bool
) -> None:
    num_pairs = len(lengths)
    prompts = [(pair, *[0] * (prompt - 1)) for pair, (prompt, _, _) in enumerate(lengths)]
    rows = Responses(
        prompts=prompts * 2,
        responses=[[7] * chosen for _, chosen, _ in lengths]
        + [[8] * rejected for _, _, rejected in lengths],
        groups=[*range(num_pairs)] * 2,
    )
    parts = pair_passes(rows, tokens_per_pass=tokens_per_pass, by_groups=by_groups)
    assert sorted(pair for part in parts for pair in part) == list(range(num_pairs))
    for part in parts:
        of_part = [lengths[pair] for pair in part]
        if by_groups:
            size = sum(sum(pair) for pair in of_part)
        else:
            width = max(prompt for prompt, _, _ in of_part)
            size = 2 * len(part) * (width + max(max(pair[1:]) for pair in of_part))
        assert size <= tokens_per_pass or len(part) == 1
