"""Where worse answers come from, which sample is the worst, and what a resumed run takes."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import RunConfig, load_config
from rlsr.config.preference import DpoMethod
from rlsr.data import Message, PromptRecord
from rlsr.engines.prompt_order import prompts_of_steps
from rlsr.engines.sizes import rollout_size
from rlsr.errors import ConfigError, DataError
from rlsr.pipeline.before_training import require_answers
from rlsr.pipeline.preferences import (
    EMPTY,
    NOTHING_SCORED,
    SAME,
    Pairs,
    make_pairs,
    preference_row,
    rejected_source,
    used_records,
)
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json_lines

NAN = float("nan")


def record(number: int, rejected: str | None = None) -> PromptRecord:
    return PromptRecord(
        f"id {number}",
        (Message("user", f"Q{number}"),),
        f"A{number}",
        f"f:{number}",
        None,
        rejected,
    )


def row_of(responses: list[str], scores: list[float]) -> dict[str, Any]:
    return dict(preference_row(record(1), responses, np.array(scores)))


def test_the_lowest_scored_response_is_the_worse_answer() -> None:
    assert row_of(["a", "b", "c", "d"], [0.5, NAN, -0.25, 0.75]) == {
        "id": "id 1",
        "prompt": "Q1",
        "chosen": "A1",
        "rejected": "c",
        "score": -0.25,
        "scores": {
            "num": 4,
            "num_unscored": 1,
            "lowest": -0.25,
            "mean": pytest.approx(1 / 3),
            "highest": 0.75,
        },
        "left_out": None,
    }


@pytest.mark.parametrize(
    ("responses", "scores", "reason"),
    [
        (["a", "b"], [NAN, NAN], NOTHING_SCORED),
        (["a", " \n"], [0.5, -1.0], EMPTY),
        (["A1\n", "b"], [0.5, NAN], SAME),
    ],
)
def test_what_is_not_worse_is_left_out_with_the_reason(
    responses: list[str], scores: list[float], reason: str
) -> None:
    row = row_of(responses, scores)
    assert (row["rejected"], row["left_out"]) == (None, reason)


def test_any_reference_is_too_good_for_the_worse_answer() -> None:
    several = replace(record(1), other_references=("B1",))
    row = preference_row(several, ["B1 ", "b"], np.array([-1.0, 0.5]))
    assert (row["chosen"], row["rejected"], row["left_out"]) == ("A1", None, SAME)


scores = st.floats(-1, 1) | st.just(NAN)


@given(st.lists(st.tuples(st.sampled_from(["", "A1", "x", "y", "z"]), scores), min_size=1))
def test_no_scored_response_is_worse_than_the_worst(samples: list[tuple[str, float]]) -> None:
    responses, values = map(list, zip(*samples, strict=True))
    row = row_of(cast("list[str]", responses), cast("list[float]", values))
    scored = [(text, score) for text, score in samples if not np.isnan(score)]
    assert (row["rejected"] is None) == (row["left_out"] is not None)
    if not scored:
        assert row["left_out"] == NOTHING_SCORED
        return
    lowest = min(score for _, score in scored)
    assert row["score"] == row["scores"]["lowest"] == lowest
    if row["rejected"] is not None:
        assert (row["rejected"], lowest) in scored
        assert row["rejected"] not in {"", "A1"}


def test_the_source_follows_the_data() -> None:
    complete, partial = [record(1, "B"), record(2, "C")], [record(1, "B"), record(2)]
    assert rejected_source(DpoMethod(), complete) == "data"
    assert rejected_source(DpoMethod(), partial) == "worst_sample"
    assert rejected_source(DpoMethod(rejected="data"), complete) == "data"
    assert rejected_source(DpoMethod(rejected="worst_sample"), complete) == "worst_sample"
    with pytest.raises(DataError) as caught:
        rejected_source(DpoMethod(rejected="data"), partial)
    assert str(caught.value) == (
        "method.rejected: data asks for a `rejected` answer in every training row, but 1 of 2 have none, the first one "
        "is f:2; add them, or use method.rejected=worst_sample"
    )


def config_of(*overrides: str) -> RunConfig:
    return load_config(overrides=["method=dpo", "training.prompts_per_step=2", *overrides])


def test_only_prompts_that_steps_come_to_are_used() -> None:
    records = [record(number) for number in range(10)]
    found = used_records(config_of("training.steps=3", "seed=5"), records)
    steps = prompts_of_steps(10, prompts_per_step=2, num_steps=3, seed=5)
    assert list(found) == [records[row] for row in sorted({row for step in steps for row in step})]
    assert len(found) == 6
    assert used_records(config_of("training.steps=5"), records) == records
    assert used_records(config_of("training.steps=1000000000"), records) == records


def pairs_of(run: RunDirectory, records: list[PromptRecord]) -> Pairs:
    """Nothing can be sampled here: there is no policy."""
    nobody = cast("Any", None)
    config = config_of("training.steps=9")
    return make_pairs(config, records, policy=nobody, reward=nobody, run=run)


def test_answers_of_the_data_are_taken_as_they_are(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    records = [record(1, "B"), record(2, "C")]
    assert pairs_of(run, records) == Pairs(records, (), ())
    assert not run.preferences_file.exists()


def test_a_resumed_run_takes_the_samples_that_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    records = [record(number) for number in range(4)]
    kept = [
        preference_row(records[3], ["b\u2028\n"], np.array([0.0])),
        preference_row(records[1], ["b"], np.array([NAN])),
        preference_row(records[2], [""], np.array([-1.0])),
        preference_row(records[0], ["c"], np.array([0.5])),
    ]
    write_json_lines(run.preferences_file, kept)
    with caplog.at_level(logging.WARNING):
        found = pairs_of(run, records)
    assert [(pair.id, pair.rejected) for pair in found.records] == [
        ("id 3", "b\u2028\n"),
        ("id 0", "c"),
    ]
    assert found.records[1] == record(0, "c")
    assert found.warnings == (
        f"2 of 4 prompts have no worse answer and are left out: 1 because {NOTHING_SCORED}; 1 because {EMPTY}",
    )
    assert caplog.messages == list(found.warnings)


def test_groups_that_are_measured_keep_their_own_rows_whatever_their_ids(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    # Held-out rows of a file of their own have the same ids.
    trained, validation, heldout = [record(0), record(1)], [record(2)], [record(0), record(1)]
    samples = ["a", "", "c", "d", "e"]
    kept = [
        preference_row(one, [sample], np.array([0.0]))
        for one, sample in zip([*trained, *validation, *heldout], samples, strict=True)
    ]
    write_json_lines(run.preferences_file, kept)
    nobody = cast("Any", None)
    config = load_config(overrides=["method=reward_model", "training.steps=9"])
    found = make_pairs(
        config, trained, policy=nobody, reward=nobody, run=run, beside=(validation, heldout)
    )
    groups = [[pair.rejected for pair in group] for group in (found.records, *found.beside)]
    assert groups == [["a"], ["c"], ["d", "e"]]


def test_pairs_of_the_data_are_asked_of_what_is_measured_too(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    nobody = cast("Any", None)
    config = load_config(overrides=["method=reward_model", "method.rejected=data"])
    with pytest.raises(DataError, match=r"1 of 2 have none, the first one is f:2"):
        make_pairs(
            config,
            [record(1, "B")],
            policy=nobody,
            reward=nobody,
            run=run,
            beside=((), [record(2)]),
        )


def test_a_classifier_writes_no_worse_answers() -> None:
    described = SimpleNamespace(architectures=["LlamaForSequenceClassification"])
    config = load_config(overrides=["method=reward_model", "model.name=scorer/final"])
    with pytest.raises(ConfigError) as caught:
        require_answers(config, described)
    assert str(caught.value) == (
        "method.rejected: worse answers are sampled from the model that training starts from, and scorer/final is a "
        "classifier, which writes none; give every row a `rejected` answer, or name a policy"
    )


def test_no_pair_at_all_is_refused(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    write_json_lines(run.preferences_file, [preference_row(record(1), [""], np.array([-1.0]))])
    assert json.loads(run.preferences_file.read_text(encoding="utf-8"))["rejected"] is None
    with pytest.raises(DataError) as caught:
        pairs_of(run, [record(1)])
    assert str(caught.value) == (
        f"method.rejected: none of the 1 prompts got a worse answer from the policy: 1 because {EMPTY}; raise "
        "method.num_generations, or give rows with a `rejected` answer"
    )


def test_memory_is_planned_for_whole_pairs() -> None:
    limit = "method.max_response_tokens=7"
    assert rollout_size(config_of(limit), 10).row_tokens == 10 + 2 * 7
    assert rollout_size(load_config(overrides=["method=sft", limit]), 10).row_tokens == 17
