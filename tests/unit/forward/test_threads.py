"""The number of threads is measured, used for the while, and put back."""

from collections.abc import Iterator

import pytest
import torch

from rlsr.forward import threads
from rlsr.forward.threads import decoding_on, decoding_threads, fastest_threads


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    fastest_threads.cache_clear()
    yield
    torch.set_num_threads(before)
    fastest_threads.cache_clear()


@pytest.mark.parametrize(("most", "candidates"), [(1, {1}), (2, {1, 2}), (3, {1, 2, 3})])
def test_the_fastest_is_one_of_the_candidates_and_nothing_is_left_changed(
    most: int, candidates: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "ROUNDS", 1)
    assert fastest_threads(most, torch.float32) in candidates
    assert torch.get_num_threads() == 2


def test_it_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "ROUNDS", 1)
    first = fastest_threads(2, torch.float32)
    monkeypatch.setattr(threads, "linear", None)
    assert fastest_threads(2, torch.float32) == first


def test_threads_are_put_back_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "fastest_threads", lambda most, dtype: 1)
    model = torch.nn.Linear(2, 2)

    def fail() -> None:
        with decoding_threads(model):
            assert torch.get_num_threads() == 1
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert torch.get_num_threads() == 2


def test_a_single_thread_needs_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(threads, "fastest_threads", None)
    with decoding_threads(torch.nn.Linear(2, 2)):
        assert torch.get_num_threads() == 1


@pytest.mark.parametrize(("given", "used"), [(1, 1), (2, 2), (8, 2)])
def test_a_given_number_is_not_measured_and_ends_with_its_block(
    given: int, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "fastest_threads", lambda most, dtype: 3 - used)
    with decoding_on(given), decoding_threads(torch.nn.Linear(2, 2)):
        assert torch.get_num_threads() == used
    with decoding_threads(torch.nn.Linear(2, 2)):
        assert torch.get_num_threads() == 3 - used
