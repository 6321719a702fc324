"""The learning rate over the steps of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.engines.schedule import rate_factor


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ("linear", [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]),
        ("cosine", [1 / 3, 2 / 3, 1, 0.8535533905932737, 0.5, 0.14644660940672627]),
    ],
)
def test_it_rises_and_then_follows_the_schedule(schedule: str, factors: list[float]) -> None:
    found = [
        rate_factor(step, warmup_steps=2, num_steps=6, schedule=schedule)  # type: ignore[arg-type]
        for step in range(6)
    ]
    assert found == pytest.approx(factors)


@given(
    st.integers(0, 50),
    st.integers(1, 100),
    st.sampled_from(["constant", "linear", "cosine"]),
)
def test_every_step_of_a_run_learns(warmup: int, num_steps: int, schedule: str) -> None:
    for step in range(num_steps):
        factor = rate_factor(
            step,
            warmup_steps=warmup,
            num_steps=num_steps,
            schedule=schedule,  # type: ignore[arg-type]
        )
        assert 0 < factor <= 1
