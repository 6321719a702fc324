"""What holds for the batches of any lengths."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.embeddings.batching import batches_by_token_budget

row_lengths = st.lists(st.integers(0, 300), max_size=60)
budgets = st.integers(8, 500)


@settings(deadline=None, max_examples=200)
@given(row_lengths, budgets)
def test_every_row_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    batches = list(batches_by_token_budget(lengths, budget))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(batches)


@settings(deadline=None, max_examples=200)
@given(row_lengths, budgets)
def test_a_padded_batch_keeps_the_budget_unless_it_is_one_row(
    lengths: list[int], budget: int
) -> None:
    for batch in batches_by_token_budget(lengths, budget):
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


@settings(deadline=None, max_examples=200)
@given(row_lengths, budgets)
def test_the_longest_rows_come_first(lengths: list[int], budget: int) -> None:
    order = [row for batch in batches_by_token_budget(lengths, budget) for row in batch]
    assert [lengths[row] for row in order] == sorted(lengths, reverse=True)


@settings(deadline=None, max_examples=200)
@given(row_lengths, budgets)
def test_no_batch_could_take_the_next_row_too(lengths: list[int], budget: int) -> None:
    batches = list(batches_by_token_budget(lengths, budget))
    for batch in batches[:-1]:
        assert (len(batch) + 1) * lengths[batch[0]] > budget
