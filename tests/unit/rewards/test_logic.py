"""The reward of formulas, with an encoder made by hand."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pytest

from formulas import SynonymEmbedder
from rlsr.config.reward import LogicReward
from rlsr.config.translator import ModelTranslator
from rlsr.rewards import (
    FormulaSimilarity,
    RewardBatch,
    RewardResult,
)
from rlsr.rewards.translation import Translator

REFERENCE = "∀x (Cat(x) → Animal(x))"


def score(
    responses: Sequence[str], config: LogicReward | None = None, reference: str = REFERENCE
) -> RewardResult:
    reward = FormulaSimilarity(config or LogicReward(), SynonymEmbedder())
    count = len(responses)
    return reward.score(RewardBatch.of_texts(["Q"] * count, responses, [reference] * count))


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


# --- free text through a translator --------------------------------------------------------------


class Phrasebook(Translator):
    """Translates what it knows; the rest is no formula, and about the unreachable it cannot be asked."""

    identity = "phrasebook"
    KNOWN: ClassVar[dict[str, str]] = {
        "Cats are animals.": REFERENCE,
        "Each cat is an animal.": "FOL: ∀y (Cat(y) → Animal(y))",
        "Some cats are not.": "∃x (Cat(x) ∧ ¬Animal(x))",
    }

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.is_closed = False

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        self.calls.append(list(texts))
        return [None if "unreachable" in text else self.KNOWN.get(text, "Sorry!") for text in texts]

    def close(self) -> None:
        self.is_closed = True


TRANSLATED = LogicReward(translator=ModelTranslator(name="any"))
NAN = float("nan")


def score_texts(
    responses: Sequence[str],
    reference: str = "Cats are animals.",
    config: LogicReward = TRANSLATED,
    phrasebook: Phrasebook | None = None,
) -> RewardResult:
    reward = FormulaSimilarity(config, SynonymEmbedder(), phrasebook or Phrasebook())
    count = len(responses)
    return reward.score(RewardBatch.of_texts(["Q"] * count, responses, [reference] * count))


TEXTS = ["Each cat is an animal.", "Some cats are not.", "Rain.", " \n", "unreachable"]


def test_the_formulas_of_texts_are_compared() -> None:
    result = score_texts(TEXTS)
    of_formulas = score([REFERENCE, "∃x (Cat(x) ∧ ¬Animal(x))"]).scores
    assert result.scores == pytest.approx([*of_formulas, NAN, -0.5, NAN], nan_ok=True)
    parts = result.components
    assert parts["empty"].tolist() == [0, 0, 0, 1, 0]
    assert parts["unparsable"].tolist() == [0, 0, 1, 1, 0]
    assert parts["untranslated"].tolist() == [0, 0, 0, 0, 1]
    assert parts["unparsable_reference"].tolist() == [0] * 5
    assert np.isnan(parts["logic"]).tolist() == [False, False, True, True, True]
    known = Phrasebook.KNOWN
    assert result.texts == {
        "formula": [known[TEXTS[0]], known[TEXTS[1]], "Sorry!", "", None],
        "reference_formula": [REFERENCE] * 5,
    }


def test_each_distinct_text_is_asked_about_once_and_nothing_never() -> None:
    phrasebook = Phrasebook()
    score_texts([*TEXTS, *TEXTS, "Cats are animals."], phrasebook=phrasebook)
    (asked,) = phrasebook.calls
    assert sorted(asked) == sorted({*TEXTS, "Cats are animals."} - {" \n"})


@pytest.mark.parametrize(
    ("unparsable", "expected"), [("lowest", -0.5), ("zero", 0.0), ("unscored", NAN), (None, NAN)]
)
def test_a_translation_that_is_no_formula_gets_what_the_config_says(
    unparsable: str | None, expected: float
) -> None:
    config = LogicReward.model_validate(
        {**TRANSLATED.model_dump(), "unparsable": unparsable, "bleu_share": 0.5}
    )
    scores = score_texts(["Rain.", "", "unreachable"], config=config).scores
    assert scores == pytest.approx([expected, -0.5, NAN], nan_ok=True)


@pytest.mark.parametrize(("reference", "lost"), [("Rain.", 0), ("unreachable", 1)])
def test_a_reference_that_is_lost_in_translation_leaves_its_rows_unscored(
    reference: str, lost: int
) -> None:
    result = score_texts(["Cats are animals.", "Rain.", ""], reference)
    assert result.num_unscored == 3
    parts = result.components
    assert parts["untranslated"].tolist() == [lost] * 3
    assert parts["unparsable_reference"].tolist() == [1 - lost] * 3
    assert parts["unparsable"].tolist() == [0, 0, 0]


def test_formulas_as_written_have_no_translation() -> None:
    result = score([REFERENCE])
    assert result.texts == {}
    assert "untranslated" not in result.components


def test_a_reward_without_the_translator_of_its_config_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="translator"):
        FormulaSimilarity(TRANSLATED, SynonymEmbedder())
    with pytest.raises(AssertionError, match="translator"):
        FormulaSimilarity(LogicReward(), SynonymEmbedder(), Phrasebook())
