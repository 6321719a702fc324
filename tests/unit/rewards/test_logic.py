"""The reward of formulas, with an encoder made by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from formulas import SynonymEmbedder
from rlsr.config.reward import LogicReward, RewardConfig, SimilarityReward
from rlsr.embeddings import ReferenceCache
from rlsr.rewards import (
    FormulaSimilarity,
    ReferenceSimilarity,
    RewardBatch,
    RewardResult,
    make_reward,
)

REFERENCE = "∀x (Cat(x) → Animal(x))"


def score(
    responses: Sequence[str], config: LogicReward | None = None, reference: str = REFERENCE
) -> RewardResult:
    reward = FormulaSimilarity(config or LogicReward(), SynonymEmbedder())
    count = len(responses)
    return reward.score(RewardBatch(["Q"] * count, responses, [reference] * count))


def test_a_blend_of_meaning_and_tokens() -> None:
    result = score([REFERENCE, "FOL: forall y (Cat(y) -> Animal(y))", "∀x (¬Animal(x) → ¬Cat(x))"])
    parts = result.components
    assert result.scores[:2].tolist() == [1, 1]
    assert parts["logic"].tolist() == [1, 1, 1]
    assert parts["bleu"][:2].tolist() == [1, 1]
    assert 0 < parts["bleu"][2] < 0.8
    assert result.scores[2] == pytest.approx((1 + parts["bleu"][2]) / 2)
    assert parts["unparsable"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_bleu(share: float) -> None:
    result = score(["∃x (Cat(x))"], LogicReward(bleu_share=share))
    parts = result.components
    assert result.scores == pytest.approx((1 - share) * parts["logic"] + share * parts["bleu"])


BAD = ["no formula", "", "∀x (Cat(x)", "P(a) ∧ P(a, a)", "¬" * 3000]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LogicReward(), -0.5),
        (LogicReward(bleu_share=0.2), -0.8),
        (LogicReward(variant="le"), 0.0),
        (LogicReward(unparsable="zero"), 0.0),
        (LogicReward(unparsable="unscored"), float("nan")),
    ],
)
def test_what_is_no_formula_gets_what_the_config_says(config: LogicReward, expected: float) -> None:
    result = score(BAD, config)
    assert result.scores == pytest.approx([expected] * len(BAD), nan_ok=True)
    assert result.components["unparsable"].tolist() == [1] * len(BAD)
    assert result.components["empty"].tolist() == [0, 1, 0, 0, 0]
    assert np.isnan(result.components["logic"]).all()
    assert result.num_unscored == (len(BAD) if config.unparsable == "unscored" else 0)


@pytest.mark.parametrize("variant", ["model_sampling", "le"])
def test_no_formula_scores_below_one_that_is_none(variant: str) -> None:
    config = LogicReward.model_validate({"variant": variant})
    responses = ["¬(∀x (Cat(x) → Animal(x)))", "Rain", "∃x (Cat(x) ∧ ¬Animal(x))", "¬Cat(tom)"]
    assert (score(responses, config).scores >= config.lowest).all()


@pytest.mark.parametrize(
    "reference",
    ["not a formula", "∀x ∀y ∀z ∀u ∀v ∀w (R(x, y, z, u, v, w))"],
    ids=["unread", "large"],
)
def test_a_bad_reference_leaves_its_rows_unscored(reference: str) -> None:
    result = score(["P(a)", "no formula", reference], reference=reference)
    assert result.num_unscored == 3
    assert result.components["unparsable"].tolist() == [0, 0, 0]
    assert result.components["unparsable_reference"].tolist() == [1, 1, 1]


def test_limits_make_a_response_unparsable_and_not_its_reference() -> None:
    many = " ∧ ".join(f"Likes(c{place}, d{place})" for place in range(20))
    parts = score([many], reference="Likes(a, b)").components
    assert parts["unparsable"].tolist() == [1]
    assert parts["unparsable_reference"].tolist() == [0]


def test_an_empty_batch() -> None:
    assert score([]).scores.shape == (0,)


@pytest.mark.parametrize(
    ("config", "kind"),
    [(SimilarityReward(), ReferenceSimilarity), (LogicReward(), FormulaSimilarity)],
)
def test_the_config_decides_which_reward_is_made(config: RewardConfig, kind: type) -> None:
    embedder = SynonymEmbedder()
    assert isinstance(make_reward(config, embedder, ReferenceCache(embedder, None)), kind)
