"""What a rollout teaches, on both sides of the engine verl, and what goes between them."""

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.method import AdvantageConfig, RlsrMethod
from rlsr.data.record import Message, PromptRecord
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.learning import lesson_of
from rlsr.engines.verl.logged_numbers import logged_numbers
from rlsr.engines.verl.prompts import record_of, row_of, write_prompts
from rlsr.engines.verl.row_order import order_of_rows
from rlsr.engines.verl.steps import describe_step
from rlsr.rewards import Part

rewards = st.lists(st.floats(-5, 5, width=32) | st.just(math.nan), min_size=8, max_size=8)


@given(rewards)
def test_advantages_are_those_of_the_formula(scores: list[float]) -> None:
    """An oracle in plain Python: (r - mean) / max(std, floor) over the scored responses of a group."""
    lesson = lesson_of(scores, [True] * 8, RlsrMethod(num_generations=4))
    for start in (0, 4):
        group = [score for score in scores[start : start + 4] if not math.isnan(score)]
        mean = sum(group) / len(group) if group else 0.0
        spread = sum((score - mean) ** 2 for score in group) / (len(group) - 1) if len(group) > 1 else 0.0  # fmt: skip
        std = math.sqrt(spread)
        for place in range(start, start + 4):
            score = scores[place]
            teaches = not math.isnan(score) and std > 1e-6
            assert bool(lesson.group.learnable[place]) == teaches
            expected = (score - mean) / max(std, 0.02) if teaches else 0.0
            assert lesson.group.advantages[place] == pytest.approx(expected, abs=1e-5)


def test_a_response_that_was_cut_may_count_as_the_lowest_of_its_group() -> None:
    method = RlsrMethod(num_generations=4, advantage=AdvantageConfig(cut="lowest"))
    ended = [True, False, True, None]
    lesson = lesson_of([1.0, 9.0, 0.0, 2.0], ended, method)
    plain = lesson_of([1.0, 0.0, 0.0, 2.0], [True] * 4, RlsrMethod(num_generations=4))
    assert lesson.group.advantages.tolist() == plain.group.advantages.tolist()


def test_a_subset_is_learnt_from_and_averaged_over() -> None:
    lesson = lesson_of([0.0, 0.5, 0.6, 1.0], [True] * 4, RlsrMethod(num_generations=4, update_subset=2))  # fmt: skip
    assert lesson.selected.tolist() == [True, False, False, True]
    assert lesson.group.learnable.tolist() == [True, False, False, True]
    assert lesson.group_std[0] == pytest.approx(np.std([0.0, 0.5, 0.6, 1.0], ddof=1))


# --- mini-batches ----------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.randoms())
def test_every_worker_finds_its_share_of_each_mini_batch_in_its_turn(
    count: int, each: int, workers: int, size: int, random: Random
) -> None:
    """verl cuts the rows among the workers, and those of each into mini-batches, from the first on."""
    prompts = [prompt for prompt in range(count * each) for _ in range(size * workers)]
    random.shuffle(prompts)
    order = order_of_rows(
        prompts,
        num_mini_batches=count,
        num_workers=workers,
        divide=lambda rows: [rows[worker::workers] for worker in range(workers)],
    )
    assert sorted(order) == list(range(len(prompts)))
    own, share = len(order) // workers, len(order) // workers // count
    for number in range(count):
        found = [
            prompts[row]
            for worker in range(workers)
            for row in order[worker * own + number * share : worker * own + (number + 1) * share]
        ]
        expected = [prompt for prompt in prompts if prompt % count == number]
        assert sorted(found) == sorted(expected), "whole groups, and those of the engine trl"


# --- prompts ---------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
records = st.builds(
    PromptRecord,
    id=texts,
    messages=st.lists(st.builds(Message, st.just("user"), texts), min_size=1, max_size=3).map(
        tuple
    ),
    reference=texts,
    location=texts,
    category=st.none() | texts,
    rejected=st.none() | texts,
    other_references=st.lists(texts, max_size=2).map(tuple),
    columns=st.dictionaries(
        texts, st.none() | st.integers(-9, 9) | texts | st.lists(texts), max_size=3
    ),
)


@given(records, st.integers(0, 1000))
def test_all_that_is_known_of_a_prompt_comes_back(record: PromptRecord, place: int) -> None:
    row = row_of(place, record)
    assert record_of(row["extra_info"]["record"]) == record
    assert row["extra_info"]["index"] == place
    assert [turn["content"] for turn in row["prompt"]] == [one.content for one in record.messages]


def test_prompts_are_written_in_their_order(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    written = [PromptRecord(str(one), (Message("user", f"ask {one}"),), "yes", f"a:{one}") for one in range(12)]  # fmt: skip
    write_prompts(tmp_path / "prompts.parquet", written)
    rows = pq.read_table(tmp_path / "prompts.parquet").to_pylist()
    assert [row["extra_info"]["index"] for row in rows] == list(range(12))
    assert [record_of(row["extra_info"]["record"]) for row in rows] == written


# --- what the trainer tells ------------------------------------------------------------------------


def test_numbers_of_verl_have_our_names_or_are_ours_again() -> None:
    logs = {
        "actor/loss": 0.5,
        "actor/lr": 1e-6,
        "training/global_step": 3.0,
        "training/rollout_probs_diff_max": 1e-9,
        "timing_s/step": 3.0,
        "critic/score/mean": 1.0,
        "response_length/mean": 4.0,
        "actor/pg_clipfrac": 0.0,
        "actor/kl_loss": None,
        "actor/label_loss": 2.5,
        "actor/label_nll": 2.5,
        "actor/label_weight": 0.125,
    }
    assert logged_numbers(logs) == {
        "optim/loss": 0.5,
        "verl/training/rollout_probs_diff_max": 1e-9,
        "time/step": 3.0,
        "verl/actor/pg_clipfrac": 0.0,
        "optim/kl": None,
        "optim/label_loss": 2.5,
        "optim/label_nll": 2.5,
        "optim/label_weight": 0.125,
    }


def told(scores: list[float | None]) -> dict[str, Any]:
    row = {"place": 0, "response": "a b", "num_tokens": 3, "ended": True, "texts": {}}
    rows = [{**row, "score": score, "components": {"near": score}} for score in scores]
    rows[-1] |= {"ended": False, "num_tokens": 5}
    metrics = {"timing_s/step": 2.0, "actor/grad_norm": 1.0}
    return {"metrics": metrics, "rollout": rows, "reference_tokens": 6}


def test_a_step_is_described_as_by_the_other_engine() -> None:
    record = PromptRecord("1", (Message("user", "ask"),), "yes", "a:1")
    method = RlsrMethod(num_generations=4, updates_per_rollout=2)
    step = describe_step(
        told([0.0, 1.0, None, 1.0]),
        [record],
        method=method,
        parts=[Part("near", "Near")],
        num_samples=1,
    )
    assert step.metrics["reward/mean"] == pytest.approx(2 / 3)
    assert step.metrics["reward/near"] == pytest.approx(2 / 3)
    assert step.metrics["reward/num_unscored"] == 1
    # What is unscored teaches nothing; references do.
    assert step.metrics["tokens/trained"] == 2 * (3 + 3 + 5 + 6)
    assert step.metrics["tokens/share_cut"] == 0.25
    assert step.metrics["tokens/per_second"] == 7.0
    assert step.metrics["optim/skipped_updates"] == 0
    assert [row["in_update"] for row in step.samples] == [True, True, False, True]
    assert step.num_tokens == 14


def test_an_update_without_a_finite_gradient_was_skipped() -> None:
    lost = told([0.0, 1.0])
    lost["metrics"]["actor/grad_norm"] = None
    record = PromptRecord("1", (Message("user", "ask"),), "yes", "a:1")
    found = describe_step(lost, [record], method=RlsrMethod(num_generations=2), parts=[], num_samples=0)  # fmt: skip
    assert found.metrics["optim/skipped_updates"] == 1
    assert found.samples == []


def test_a_step_is_told_once_it_is_whole_and_answered(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    exchange.tell(3, {"metrics": {}})
    assert exchange.wait_for_step(3, lambda: pytest.fail("it is there")) == {"metrics": {}}
    exchange.answer(3, "save_and_end")
    assert not exchange.step_file(3).exists()
    assert exchange.wait_for_answer(3) == "save_and_end"
    assert list(tmp_path.iterdir()) == []


def test_what_another_session_has_left_is_forgotten(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    exchange.tell(3, {})
    exchange.answer(2, "go_on")
    exchange.failure_file.write_text("old", encoding="utf-8")
    exchange.config_file.write_text(json.dumps({}), encoding="utf-8")
    exchange.clear()
    assert list(tmp_path.iterdir()) == [exchange.config_file]


def test_waiting_ends_where_nothing_will_come(tmp_path: Path) -> None:
    def look() -> None:
        raise ValueError("it is gone")

    with pytest.raises(ValueError, match="it is gone"):
        Exchange(tmp_path).wait_for_step(1, look)
