"""Responses that were kept for people are read back, the best and the worst of them found."""

import math
from pathlib import Path

import pytest

from growing_run import write_samples
from rlsr.errors import RunError
from rlsr.runs.json_file import write_json_lines
from rlsr.runs.rollout_samples import (
    RolloutSample,
    best_and_worst,
    read_rollout_samples,
    samples_file,
)


def sample(reward: float, response: str = "") -> RolloutSample:
    return RolloutSample("p", ("r",), response, reward)


def test_responses_come_back_with_their_numbers_and_texts(tmp_path: Path) -> None:
    write_samples(tmp_path, 3, {"formula": "a & b"})
    first, second, *_ = read_rollout_samples(samples_file(tmp_path / "samples", 3))
    assert math.isnan(first.reward)
    assert math.isnan(first.parts["similarity"])
    assert (second.prompt, second.references, second.reward) == ("Question of step 3?", ("The reference.",), 0.75)  # fmt: skip
    assert second.texts == {"formula": "a & b"}
    assert second.parts == {
        "advantage": 0.1,
        "in_update": 1.0,
        "num_tokens": 9.0,
        "similarity": 0.75,
    }


def test_all_references_are_read_where_there_are_several(tmp_path: Path) -> None:
    row = {"prompt": "p", "reference": "a", "references": ["a", "b"], "response": "c", "reward": 1}
    (found,) = read_rollout_samples(write_json_lines(tmp_path / "x.jsonl", [row]))
    assert found.references == ("a", "b")


def test_where_there_is_no_file_there_are_no_responses(tmp_path: Path) -> None:
    assert read_rollout_samples(tmp_path / "no.jsonl") == []


@pytest.mark.parametrize("line", ["[]", '{"prompt": "p"}', '{"prompt": 1, "response": "r"}', "{"])
def test_a_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / "step-000001.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"step-000001\.jsonl:1: damaged"):
        read_rollout_samples(file)


def test_the_best_and_the_worst_are_the_first_of_equal_ones() -> None:
    rewards = [math.nan, 0.5, 0.9, -1.0, 0.9, -1.0]
    samples = [sample(reward, str(place)) for place, reward in enumerate(rewards)]
    assert [found.response for found in best_and_worst(samples)] == ["2", "3"]
    assert best_and_worst(samples[:1]) == (samples[0],)
    assert best_and_worst([sample(0.5, "a"), sample(0.5, "b")]) == (sample(0.5, "a"),)
    assert best_and_worst([]) == ()
