"""Closed forms of a step's time against a simulation event by event, and what must hold of any cluster."""

import heapq
import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rlsr.paper.cluster import Encoder, one_step, saturation, update_stage, writing_stage
from rlsr.paper.estimate import H100, SHAPES, UTILISATION
from rlsr.paper.pipeline import Stage, gather_seconds, step_seconds, streamed_seconds

seconds = st.floats(1e-3, 1e3)
counts = st.integers(1, 40)
stages = st.builds(Stage, seconds, counts, st.floats(0, 1e3), st.floats(0, 1e3))
shapes = st.sampled_from(list(SHAPES.values()))
encoders = st.builds(Encoder, st.floats(1e6, 1e10), st.integers(0, 64), st.floats(1e-5, 1))


def dealt(stage: Stage, responses: int) -> tuple[float, float]:
    """Give each response to the worker that is free first; the end, and what all workers were busy for."""
    free = [(0.0, worker) for worker in range(stage.workers)]
    busy = [0.0] * stage.workers
    for _ in range(responses):
        at, worker = heapq.heappop(free)
        busy[worker] = at + stage.each_s
        heapq.heappush(free, (busy[worker], worker))
    ends = [max(one, stage.alone_s) if one else 0.0 for one in busy]
    return max(ends) + stage.step_s, sum(ends) + stage.workers * stage.step_s


def two_machines(writing_s: float, rewarding_s: float, parts: int) -> float:
    """Let events happen: a part is written, waits, is rewarded."""
    events = [(writing_s / parts, "written")]
    waiting, scored, now, busy, written = 0, 0, 0.0, False, 0
    while scored < parts:
        now, what = heapq.heappop(events)
        if what == "written":
            written, waiting = written + 1, waiting + 1
            if written < parts:
                heapq.heappush(events, (now + writing_s / parts, "written"))
        else:
            scored, busy = scored + 1, False
        if waiting and not busy:
            waiting, busy = waiting - 1, True
            heapq.heappush(events, (now + rewarding_s / parts, "rewarded"))
    return now


def many_steps(parts: Sequence[float], behind: int, num: int) -> list[float]:
    """End of each step: a place does one step at a time, and a step begins when the policy it may be behind of has learnt."""
    free = [0.0] * len(parts)
    ends: list[float] = []
    for step in range(num):
        at = ends[step - behind - 1] if step > behind else 0.0
        for place, part in enumerate(parts):
            at = free[place] = max(at, free[place]) + part
        ends.append(at)
    return ends


@given(stages, st.integers(1, 300))
def test_a_stage_takes_what_workers_take_one_response_at_a_time(
    stage: Stage, responses: int
) -> None:
    end, busy = dealt(stage, responses)
    assert stage.seconds(responses) == pytest.approx(end)
    assert stage.worker_seconds(responses) == pytest.approx(busy)


@given(seconds, seconds, counts)
def test_streaming_takes_what_the_events_take(writing: float, rewarding: float, parts: int) -> None:
    found = streamed_seconds(writing, rewarding, parts)
    assert found == pytest.approx(two_machines(writing, rewarding, parts))
    assert max(writing, rewarding) <= found * (1 + 1e-9)
    assert found <= (writing + rewarding) * (1 + 1e-9)
    assert streamed_seconds(writing, rewarding, 1) == pytest.approx(writing + rewarding)
    assert streamed_seconds(writing, rewarding, parts + 1) <= found * (1 + 1e-9)


@given(st.lists(seconds, min_size=1, max_size=5), st.integers(0, 4))
def test_steps_end_as_far_apart_as_the_events_say(parts: list[float], behind: int) -> None:
    num, apart = 600, step_seconds(parts, behind)
    ends = many_steps(parts, behind, num)
    assert abs(ends[-1] - num * apart) <= (behind + 1) * sum(parts), "only the beginning differs"
    assert step_seconds(parts, behind + 1) <= step_seconds(parts, behind) * (1 + 1e-12)


@given(stages, st.integers(0, 300), st.integers(1, 8))
def test_more_workers_are_never_slower_and_never_do_more_than_their_share(
    stage: Stage, responses: int, more: int
) -> None:
    larger = Stage(stage.each_s, stage.workers * more, stage.alone_s, stage.step_s)
    before, after = stage.seconds(responses), larger.seconds(responses)
    assert after <= before
    assert before <= more * after * (1 + 1e-9), "no more than as many times faster"
    assert stage.worker_seconds(responses) <= stage.workers * before * (1 + 1e-9)
    assert stage.worker_seconds(responses) >= responses * stage.each_s * (1 - 1e-9)


@given(stages)
def test_endless_workers_leave_what_cannot_be_shared(stage: Stage) -> None:
    endless = Stage(stage.each_s, 10**9, stage.alone_s, stage.step_s)
    assert endless.seconds(300) == stage.step_s + max(stage.alone_s, stage.each_s)
    assert endless.seconds(0) == endless.worker_seconds(0) == 0


@given(st.floats(1, 1e13), st.integers(1, 5000), st.floats(1e6, 1e12))
def test_fetching_grows_towards_the_whole(size: float, workers: int, speed: float) -> None:
    assert gather_seconds(size, 1, speed) == 0
    assert gather_seconds(size, workers, speed) < size / speed
    assert gather_seconds(size, workers, speed) <= gather_seconds(size, workers + 1, speed)


@settings(max_examples=50)
@given(shapes, encoders, st.integers(1, 64), st.integers(1, 20_000))
def test_twice_the_gpus_are_never_half_as_good_again(
    shape: object, encoder: Encoder, machines: int, responses: int
) -> None:
    few, many = (one_step(shape, encoder, 8 * machines * times, responses) for times in (1, 2))  # type: ignore[arg-type]
    assert many.step >= few.step / 2 * (1 - 1e-9)
    # Between machines weights come more slowly than within one, which more GPUs may not make up for.
    assume(machines > 1)
    assert many.step <= few.step * 1.1
    assert max(few.generate, few.reward, few.update) <= few.step * (1 + 1e-9)
    assert few.step <= (few.generate + few.reward + few.update) * (1 + 1e-9)


@given(shapes, st.integers(1, 50))
def test_a_pass_takes_no_less_than_its_arithmetic(shape: object, machines: int) -> None:
    gpus, responses = 8 * machines, 8192
    stage = update_stage(shape, gpus)  # type: ignore[arg-type]
    operations = 12 * shape.weights * 800 * responses  # type: ignore[attr-defined]
    least = operations / (gpus * H100.tera_operations * 1e12 * UTILISATION)
    assert stage.seconds(responses) >= least * (1 - 1e-9)
    assert writing_stage(shape, gpus).seconds(1) >= writing_stage(shape, gpus).alone_s  # type: ignore[arg-type]


def test_a_step_behind_takes_the_longer_of_two_halves() -> None:
    shape = SHAPES["Qwen/Qwen2.5-32B"]
    apart = one_step(shape, Encoder(6e8), 64, 8192, writers=32)
    assert apart.step == max(
        apart.generate, apart.update, (apart.generate + apart.reward + apart.update) / 2
    )
    assert apart.longest == "update"


def test_where_half_of_each_gpu_is_idle() -> None:
    assert saturation([8, 16, 32], [4.0, 2.0, 1.9]) is None
    assert saturation([8, 16, 32, 64], [4.0, 2.0, 1.9, 1.8]) == 64
    assert not math.isnan(step_seconds([1.0, 2.0]))
