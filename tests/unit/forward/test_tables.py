"""From a packed row to tables and back: the places, the gradients, and which responses share a table."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.forward.layout import Segments
from rlsr.forward.tables import PaddedTables, tables_of_like_length

CPU = torch.device("cpu")
LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=5)


def make_tables(*lengths: list[int]) -> tuple[int, list[Segments], PaddedTables]:
    start, tables = 0, []
    for pieces in lengths:
        starts = []
        for length in pieces:
            starts.append(start)
            start += length
        tables.append(Segments.of(starts, pieces, CPU))
    return start, tables, PaddedTables(start, *tables)


@given(LENGTHS, LENGTHS)
def test_a_row_comes_back_with_the_gradient_of_indexing(
    first: list[int], second: list[int]
) -> None:
    num_positions, segments, tables = make_tables([1, *first], second)
    row = torch.randn(num_positions, 2, 3, requires_grad=True)
    spread = tables.spread(row)
    for table, pieces in zip(spread, segments, strict=True):
        assert torch.equal(table, row[pieces.index])
    assert torch.equal(tables.collect(spread), row)
    # What depends on tokens alone has the gradient that PyTorch finds.
    losses = [
        sum(
            ((table * (number + 1)) ** 2)[pieces.is_token].sum()
            for number, (table, pieces) in enumerate(zip(found, segments, strict=True))
        )
        for found in (spread, [row[pieces.index] for pieces in segments])
    ]
    ours, theirs = (torch.autograd.grad(loss, row)[0] for loss in losses)
    torch.testing.assert_close(ours, theirs)


@given(LENGTHS, LENGTHS)
def test_collected_tables_get_the_gradient_of_indexing(first: list[int], second: list[int]) -> None:
    num_positions, segments, tables = make_tables([1, *first], second)
    leaves = [torch.randn(*pieces.index.shape, 2, requires_grad=True) for pieces in segments]
    weights = torch.randn(num_positions, 2)
    row = tables.collect(leaves)
    gradients = torch.autograd.grad((row * weights).sum(), leaves)
    for gradient, pieces in zip(gradients, segments, strict=True):
        wanted = weights[pieces.index] * pieces.is_token[..., None]
        torch.testing.assert_close(gradient, wanted)


def cost(tables: list[list[int]], lengths: list[int], prompt_width: int, table_cost: int) -> int:
    total = 0
    for table in tables:
        width = max(1, *(lengths[row] for row in table), 1)
        total += len(table) * width * (prompt_width + width) + table_cost
    return total


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 50), st.integers(0, 5000)
)
def test_no_other_division_by_length_is_cheaper(
    lengths: list[int], prompt_width: int, table_cost: int
) -> None:
    found = tables_of_like_length(lengths, prompt_width, table_cost)
    assert sorted(row for table in found for row in table) == list(range(len(lengths)))
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    divisions = [
        [order[start:end] for start, end in zip((0, *cuts), (*cuts, len(order)), strict=True)]
        for number in range(len(order))
        for cuts in combinations(range(1, len(order)), number)
    ]
    least = min(cost(division, lengths, prompt_width, table_cost) for division in divisions)
    assert cost(found, lengths, prompt_width, table_cost) == least


@pytest.mark.parametrize(("table_cost", "num_tables"), [(0, 3), (10**9, 1)])
def test_the_cost_of_a_table_decides_how_many_there_are(table_cost: int, num_tables: int) -> None:
    assert len(tables_of_like_length([9, 3, 9, 100], 20, table_cost)) == num_tables
