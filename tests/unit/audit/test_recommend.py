"""From findings to advice."""

from dataclasses import replace

import pytest

from rlsr.audit.honest import OWN
from rlsr.audit.recommend import recommendations
from rlsr.audit.result import Check, EncoderComparison, Group, Verdict
from rlsr.config.reward import RepetitionConfig, SimilarityConfig, SimilarityReward

COSINE = SimilarityReward(similarity=SimilarityConfig(variant="cosine"))
BLEND = SimilarityReward()


def check(name: str, verdict: Verdict, group: Group = "attacks", value: float = 0.4) -> Check:
    return Check(group, name, verdict, "share", value, None, None, 50, "rule", "why", {})


def encoder(name: str, caught: float, ms: float) -> EncoderComparison:
    return EncoderComparison(name, caught, caught, 0.0, ms)


def test_nothing_to_change_is_said() -> None:
    (sentence,) = recommendations([check("empty", "ok")], BLEND, [])
    assert sentence.startswith("Nothing to change")


@pytest.mark.parametrize(
    ("bad", "settings", "part"),
    [
        (check("truncated to half", "warn"), COSINE, "reward.similarity.variant=blend"),
        (check("repeated", "fail"), BLEND, "Lower reward.repetition.min_characters from 100"),
        (
            check("repeated", "fail"),
            SimilarityReward(repetition=RepetitionConfig(enabled=False)),
            "reward.repetition.enabled=true",
        ),
        (check("spread within groups", "fail", "signal"), BLEND, "method.num_generations"),
        (check("texts cut by the encoder", "warn", "signal"), BLEND, "40% of the texts"),
        (check("one answer to every prompt", "fail", "signal"), BLEND, "method=[sft,rlsr]"),
        (check("texts without a formula", "fail", "signal"), BLEND, "reward.translator.prompt"),
        (check("changed numbers", "warn"), BLEND, "Do not trust this reward with facts"),
        (check("prompt copied", "fail"), BLEND, "reward.repetition.between=prompt_and_response"),
        (check("shuffled sentences", "fail"), BLEND, "Read the examples of shuffled sentences"),
        (check("length", "fail", "biases"), BLEND, "Look at length"),
    ],
)
def test_a_finding_has_its_advice(bad: Check, settings: SimilarityReward, part: str) -> None:
    advice = recommendations([bad], settings, [])
    assert any(part in sentence for sentence in advice)
    better = recommendations([replace(bad, verdict="ok")], settings, [])
    assert not any(part in sentence for sentence in better), (
        "and without the finding it is not given"
    )


def test_weak_honest_answers_are_said_to_be_weak() -> None:
    bad = [check("truncated to half", "fail")]
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
