"""Which runs were measured alike."""

import pytest

from rlsr.config import load_config
from rlsr.config.differences import differing_keys
from rlsr.config.measurement import measured_alike, measurement

OF_EVERY_METRIC = [
    "data.seed=3",
    "evaluation.confidence=0.9",
    "method.max_response_tokens=9",
    "device=cpu",
    "threads=1",
]
OF_SCORES = [
    "embedding=builtin:minilm",
    "reward.similarity.variant=cosine",
    "evaluation.independent_embedding=null",
    "model.dtype=float32",
]
OF_TRAINING = ["method=sft", "model.lora=null", "training.steps=3", "seed=7", "engine.passes=plain"]


@pytest.mark.parametrize("setting", OF_EVERY_METRIC)
def test_what_decides_every_metric_is_named(setting: str) -> None:
    one, other = load_config(), load_config(overrides=[setting])
    assert differing_keys(measurement(one), measurement(other)) == [setting.partition("=")[0]]
    assert not measured_alike(one, other)


@pytest.mark.parametrize("setting", OF_SCORES)
def test_other_scores_are_no_other_questions(setting: str) -> None:
    one, other = load_config(), load_config(overrides=[setting])
    assert measurement(one) == measurement(other)
    assert not measured_alike(one, other)


@pytest.mark.parametrize("setting", OF_TRAINING)
def test_training_otherwise_is_no_other_measurement(setting: str) -> None:
    assert measured_alike(load_config(), load_config(overrides=[setting]))


def test_a_scorer_is_asked_other_questions_than_a_policy() -> None:
    one, other = load_config(), load_config(overrides=["method=reward_model"])
    assert differing_keys(measurement(one), measurement(other)) == ["method.makes"]
