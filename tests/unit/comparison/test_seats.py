"""What each of several runs has of the machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.comparison.seats import in_words, make_seats, shared_time, visible_gpus

THREADS, GPUS = "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"


@pytest.mark.parametrize(
    ("jobs", "gpus", "threads", "seats"),
    [
        (1, [], 8, [{}]),
        (1, ["0"], 8, [{}]),
        (3, [], 8, [{THREADS: "2"}] * 3),
        (2, [], None, [{}] * 2),
        (4, [], 2, [{THREADS: "1"}] * 4),
        (2, ["0"], None, [{}] * 2),
        (1, ["4", "5"], 8, [{GPUS: "4"}]),
        (2, ["4", "5"], 8, [{THREADS: "4", GPUS: "4"}, {THREADS: "4", GPUS: "5"}]),
        (3, ["4", "5"], None, [{GPUS: "4"}, {GPUS: "5"}, {GPUS: "4"}]),
    ],
)
def test_runs_share_gpus_and_threads(
    jobs: int, gpus: list[str], threads: int | None, seats: list[dict[str, str]]
) -> None:
    assert list(make_seats(jobs, gpus, threads)) == seats


@pytest.mark.parametrize(
    ("count", "visible", "names"),
    [
        (0, None, []),
        (2, None, ["0", "1"]),
        (2, "3, 1", ["3", "1"]),
        (1, "MIG-ab,MIG-cd", ["MIG-ab"]),
        (0, "0,1", []),
        (0, "", []),
    ],
)
def test_gpus_have_the_names_that_the_user_gave(
    count: int, visible: str | None, names: list[str]
) -> None:
    assert visible_gpus(count, visible) == names


@given(st.integers(1, 16), st.integers(0, 16), st.one_of(st.none(), st.integers(1, 64)))
def test_runs_take_no_more_threads_than_there_are_and_share_only_where_gpus_are_few(
    jobs: int, count: int, threads: int | None
) -> None:
    seats = make_seats(jobs, [str(index) for index in range(count)], threads)
    assert len(seats) == jobs
    if threads is not None and jobs > 1:
        assert sum(int(seat[THREADS]) for seat in seats) <= max(threads, jobs)
    assert bool(shared_time(seats, "wall_clock")) == (jobs > 1 and count < jobs)
    assert not shared_time(seats, "steps")


def test_words_say_on_what_runs_compute() -> None:
    assert in_words(make_seats(2, [], 8)) == "2 runs at once, 4 threads for each"
    assert in_words(make_seats(2, [], None)) == "2 runs at once"
    assert in_words(make_seats(3, ["4", "5"], 8)) == "3 runs at once, on GPUs 4, 5"
    (warning,) = shared_time(make_seats(3, ["4", "5"], 8), "wall_clock")
    assert warning.startswith("3 runs at once compute on the same GPU: ")
