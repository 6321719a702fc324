"""What holds for any texts that are translated, in any order."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server import formula_by_rule
from formulas import SynonymEmbedder
from rlsr.config.reward import LogicReward
from rlsr.config.translator import ModelTranslator
from rlsr.rewards import FormulaSimilarity, RewardBatch
from rlsr.rewards.translation import TranslationCache, Translator

words = st.sampled_from(["cat", "dog", "rains", "7", "!", " ", "lost"])
texts = st.lists(words, max_size=4).map(" ".join) | st.text(max_size=5)


class ByRule(Translator):
    """Translates by rule; what is lost it cannot be asked about."""

    identity = "rule"

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        assert len(set(texts)) == len(texts), "each distinct text once"
        return [None if "lost" in text else formula_by_rule(text) for text in texts]


@given(st.lists(texts, max_size=8), st.lists(st.lists(texts, max_size=4), max_size=3))
@settings(max_examples=50)
def test_a_cache_says_what_its_translator_says(asked: list[str], before: list[list[str]]) -> None:
    expected = [None if "lost" in text else formula_by_rule(text) for text in asked]
    with tempfile.TemporaryDirectory() as directory:
        for place in (None, Path(directory)):
            cache = TranslationCache(ByRule(), place)
            for others in before:
                cache.translate(others)
            assert cache.translate(asked) == expected


@given(st.data(), st.lists(st.tuples(texts, texts), max_size=8))
@settings(max_examples=50)
def test_neither_order_nor_company_changes_a_score(
    data: st.DataObject, pairs: list[tuple[str, str]]
) -> None:
    config = LogicReward(translator=ModelTranslator(name="any"))
    reward = FormulaSimilarity(config, SynonymEmbedder(), ByRule())
    places = data.draw(st.lists(st.sampled_from(range(len(pairs)))) if pairs else st.just([]))

    def score(rows: list[tuple[str, str]]) -> np.ndarray:
        batch = RewardBatch.of_texts([""] * len(rows), [a for a, _ in rows], [b for _, b in rows])
        result = reward.score(batch)
        parts = result.components
        # Whatever the texts are, a response is scored, lost, or next to something that is no formula.
        silent = np.isnan(result.scores)
        reasons = parts["unparsable"] + parts["unparsable_reference"] + parts["untranslated"]
        assert not (silent & (reasons == 0)).any()
        assert (reasons <= 1).all()
        assert (np.abs(result.scores[~silent]) <= 1).all()
        return result.scores

    np.testing.assert_array_equal(score(pairs)[places], score([pairs[place] for place in places]))
