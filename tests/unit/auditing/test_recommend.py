"""From findings to advice: that of each check, and what follows from several."""

import numpy as np
import pytest

from rlsr.auditing.attacks import ATTACKS
from rlsr.auditing.checks import (
    attack_check,
    cut_check,
    position_check,
    signal_checks,
    translation_check,
)
from rlsr.auditing.honest import OWN
from rlsr.auditing.one_answer import one_answer_check
from rlsr.auditing.recommend import recommendations
from rlsr.auditing.result import Check, EncoderComparison
from rlsr.config.reward import (
    LogicReward,
    RepetitionConfig,
    SimilarityConfig,
    SimilarityReward,
)
from rlsr.config.rewards import RewardConfig

COSINE = SimilarityReward(similarity=SimilarityConfig(variant="cosine"))
BLEND = SimilarityReward()
UNGUARDED = SimilarityReward(repetition=RepetitionConfig(enabled=False))
GUARDED_PROMPT = SimilarityReward(repetition=RepetitionConfig(between="prompt_and_response"))


def attacked(name: str, settings: RewardConfig = BLEND, *, share: float = 0.4) -> Check:
    """The check of an attack that wins on a share of 40 rows."""
    attack = next(attack for attack in ATTACKS if attack.name == name)
    honest = np.zeros(40)
    return attack_check(attack, honest, np.where(np.arange(40) < share * 40, 0.1, -0.1), settings)


def encoder(name: str, caught: float, ms: float) -> EncoderComparison:
    return EncoderComparison(name, caught, caught, 0.0, ms)


def test_nothing_to_change_is_said() -> None:
    (sentence,) = recommendations([attacked("empty", share=0.0)], BLEND, [])
    assert sentence.startswith("Nothing to change")


@pytest.mark.parametrize(
    ("name", "settings", "part"),
    [
        ("truncated to half", COSINE, "reward.similarity.variant=blend"),
        ("shuffled sentences", BLEND, "reward.similarity.variant=ensemble"),
        ("repeated", BLEND, "Lower reward.repetition.min_characters from 100"),
        ("repeated", UNGUARDED, "reward.repetition.enabled=true"),
        ("prompt copied", BLEND, "Copying the prompt wins on 40% of the rows"),
        ("prompt copied", BLEND, "reward.repetition.between=prompt_and_response"),
        ("changed numbers", BLEND, "Do not trust this reward with facts (changed numbers pay)"),
        ("shuffled sentences", BLEND, "Do not trust this reward with facts (shuffled sentences"),
        ("shuffled sentences", BLEND, "Read the examples of shuffled sentences"),
    ],
)
def test_an_attack_that_wins_has_its_advice(name: str, settings: RewardConfig, part: str) -> None:
    advice = recommendations([attacked(name, settings)], settings, [])
    assert any(part in sentence for sentence in advice)
    better = recommendations([attacked(name, settings, share=0.0)], settings, [])
    assert not any(part in sentence for sentence in better), (
        "and without the finding it is not given"
    )


@pytest.mark.parametrize(
    ("bad", "good", "part"),
    [
        (
            signal_checks(np.full((20, 4), 0.5))[0],
            signal_checks(np.tile([0.1, 0.9], (20, 2)))[0],
            "method.num_generations",
        ),
        (cut_check(0.4, 50, "encoder"), cut_check(0.0, 50, "encoder"), "40% of the texts"),
        (
            translation_check(0.4, 50),
            translation_check(0.0, 50),
            "no formula of 40% of the texts or of their references",
        ),
        (
            one_answer_check(["Yes"], np.full((1, 40), 0.9), np.full(40, 0.5)),
            one_answer_check(["Yes"], np.full((1, 40), 0.1), np.full(40, 0.5)),
            "method=[sft,rlsr]",
        ),
        (
            position_check(np.ones(40), np.zeros(40), np.ones(40)),
            position_check(np.ones(40), np.ones(40), np.ones(40)),
            "Look at position",
        ),
    ],
)
def test_a_finding_has_its_advice(bad: Check, good: Check, part: str) -> None:
    advice = recommendations([bad], BLEND, [])
    assert any(part in sentence for sentence in advice)
    assert not any(part in sentence for sentence in recommendations([good], BLEND, []))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("repeated", LogicReward()),
        ("prompt copied", LogicReward()),
        ("prompt copied", GUARDED_PROMPT),
    ],
)
def test_settings_that_a_reward_lacks_or_has_already_are_not_advised(
    name: str, settings: RewardConfig
) -> None:
    assert recommendations([attacked(name, settings)], settings, []) == [
        f"Read the examples of {name} before you train."
    ]


def test_advice_on_several_attacks_comes_once() -> None:
    names = ["changed names", "negated statements", "changed numbers", "shuffled sentences"]
    advice = recommendations([attacked(name) for name in names], BLEND, [])
    assert advice[-2:] == [
        f"Do not trust this reward with facts ({', '.join(names)} pay): keep the KL coefficient, and check facts in the "
        "held-out responses yourself.",
        f"Read the examples of {', '.join(names[:3])} before you train.",
    ]


def test_weak_honest_answers_are_said_to_be_weak() -> None:
    bad = [attacked("truncated to half")]
    weak = recommendations(bad, BLEND, [], OWN)
    assert any("second_reference" in sentence for sentence in weak)
    strong = recommendations(bad, BLEND, [], "second references in the data")
    assert not any("second_reference" in sentence for sentence in strong)


def test_a_better_encoder_is_named_with_its_price() -> None:
    compared = [encoder("builtin:wordllama", 0.80, 0.5), encoder("builtin:minilm", 0.90, 25.0)]
    advice = recommendations([], BLEND, compared)
    assert "embedding=builtin:minilm catches 90.0%" in advice[0]
    assert "50.0 times the cost" in advice[0]


def test_an_encoder_that_is_no_better_is_not_advised() -> None:
    compared = [encoder("builtin:wordllama", 0.90, 0.5), encoder("builtin:minilm", 0.905, 25.0)]
    assert "Keep embedding=builtin:wordllama" in recommendations([], BLEND, compared)[0]
