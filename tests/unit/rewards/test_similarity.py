"""The reward of a rollout, with an encoder made by hand."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.config.method import AdvantageConfig
from rlsr.config.reward import RepetitionConfig, SimilarityConfig, SimilarityReward
from rlsr.embeddings import Encoding, ReferenceCache
from rlsr.methods import group_advantages
from rlsr.rewards import ReferenceSimilarity, RewardBatch, RewardResult
from rlsr.rewards.closeness import blended_similarity
from rlsr.rewards.lexical import character_overlap
from rlsr.rewards.similarity import cosine_rewards

NAN = float("nan")
COSINE = SimilarityConfig(variant="cosine")
EAST, NORTH, WEST = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)


class TableEmbedder:
    """Looks vectors up; remembers every call."""

    identity = "table"

    def __init__(
        self, table: Mapping[str, tuple[float, float]], truncated: Sequence[str] = ()
    ) -> None:
        self._table = table
        self._truncated = truncated
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Encoding:
        self.calls.append(list(texts))
        rows = [self._table[text] for text in texts]
        return Encoding(
            vectors=np.array(rows, dtype=np.float32).reshape(len(texts), 2),
            truncated=np.array([text in self._truncated for text in texts], dtype=np.bool_),
        )


def vectors(*rows: tuple[float, float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def score(
    responses: Sequence[str],
    references: Sequence[str],
    table: Mapping[str, tuple[float, float]],
    *,
    prompts: Sequence[str] | None = None,
    config: SimilarityReward | None = None,
    truncated: Sequence[str] = (),
) -> RewardResult:
    """Score with the cosine alone unless a config says otherwise: the rules are the same for every similarity."""
    embedder = TableEmbedder(table, truncated)
    reward = ReferenceSimilarity(
        config or SimilarityReward(similarity=COSINE), embedder, ReferenceCache(embedder, None)
    )
    batch = RewardBatch.of_texts(prompts or ["Q"] * len(responses), responses, references)
    return reward.score(batch)


# --- cosines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "cosine"),
    [
        (EAST, EAST, 1.0),
        (EAST, WEST, -1.0),
        (EAST, NORTH, 0.0),
        (EAST, (1.0, 1.0), 0.5**0.5),
        ((3.0, 4.0), (4.0, 3.0), 24 / 25),
        ((3e-20, 4e-20), (4e18, 3e18), 24 / 25),
        ((1e-44, 0.0), (1e38, 0.0), 1.0),
    ],
)
def test_known_cosines(
    left: tuple[float, float], right: tuple[float, float], cosine: float
) -> None:
    assert cosine_rewards(vectors(left), vectors(right)) == pytest.approx([cosine], abs=1e-6)


@pytest.mark.parametrize("bad", [(0.0, 0.0), (NAN, 1.0), (np.inf, 1.0), (-np.inf, 0.0)], ids=str)
def test_a_vector_without_a_direction_is_unscored_on_either_side(bad: tuple[float, float]) -> None:
    good = (0.6, 0.8)
    scores = cosine_rewards(vectors(bad, good, good), vectors(good, bad, good))
    assert np.isnan(scores[:2]).all()
    assert scores[2] == pytest.approx(1.0)


def test_an_infinite_and_a_zero_vector_are_unscored_without_a_warning() -> None:
    assert np.isnan(cosine_rewards(vectors((np.inf, 0.0)), vectors((0.0, 0.0)))).all()


def test_rounding_never_leaves_the_bounds() -> None:
    rows = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    assert cosine_rewards(rows, rows).max() == 1.0
    assert cosine_rewards(rows, -rows).min() == -1.0


# --- rules --------------------------------------------------------------------------------------


def test_similar_repeated_and_empty_responses() -> None:
    loop = "loop " * 40
    result = score(
        ["good", "bad", loop, "", " \n\t"],
        ["ref"] * 5,
        {"good": (3.0, 4.0), "bad": WEST, loop: EAST, "ref": EAST},
    )
    assert result.scores == pytest.approx([0.6, -1.0, -1.0, -1.0, -1.0])
    parts = result.components
    assert parts["similarity"] == pytest.approx([0.6, -1.0, 1.0, NAN, NAN], nan_ok=True)
    assert parts["repeated"].tolist() == [0, 0, 1, 0, 0]
    assert parts["empty"].tolist() == [0, 0, 0, 1, 1]
    assert parts["truncated"].tolist() == [0] * 5
    assert result.num_unscored == 0


def test_the_fixed_scores_are_those_of_the_config() -> None:
    loop = "x" * 300
    config = SimilarityReward(empty_score=0.25, repetition=RepetitionConfig(penalty=-0.5))
    result = score([loop, ""], ["ref"] * 2, {loop: EAST, "ref": EAST}, config=config)
    assert result.scores.tolist() == [-0.5, 0.25]


def test_without_the_rule_a_repeated_passage_is_scored_like_any_text() -> None:
    loop = "x" * 300
    config = SimilarityReward(similarity=COSINE, repetition=RepetitionConfig(enabled=False))
    result = score([loop], ["ref"], {loop: EAST, "ref": EAST}, config=config)
    assert result.scores.tolist() == [1.0]
    assert result.components["repeated"].tolist() == [0]


@pytest.mark.parametrize("blank", [" ", "\u200b", "\u2800"])
def test_what_shows_nothing_is_empty_before_it_is_repeated(blank: str) -> None:
    config = SimilarityReward(empty_score=0.5)
    result = score([blank * 500], ["ref"], {"ref": EAST}, config=config)
    assert result.scores.tolist() == [0.5]
    assert result.components["repeated"].tolist() == [1]


def test_the_rule_looks_at_the_reference_of_its_own_row() -> None:
    loop = "x" * 150  # its longest repeated passage is 149 characters
    short, long = "r" * 10, "r" * 1490
    result = score([loop, loop], [short, long], {loop: EAST, short: EAST, long: EAST})
    assert result.scores.tolist() == [-1.0, 1.0]


def test_no_direction_is_unscored_and_never_zero() -> None:
    table = {"blank": (0.0, 0.0), "broken": (NAN, 1.0), "ok": NORTH, "ref": EAST}
    result = score(["blank", "broken", "ok"], ["ref"] * 3, table)
    assert result.scores == pytest.approx([NAN, NAN, 0.0], nan_ok=True)
    assert result.num_unscored == 2


def test_truncation_on_either_side_is_flagged() -> None:
    table = {"a": EAST, "b": EAST, "r": EAST, "s": EAST}
    result = score(["a", "b", "b", ""], ["r", "s", "r", "s"], table, truncated=["a", "s"])
    assert result.components["truncated"].tolist() == [1, 1, 0, 0]


# --- the blend ----------------------------------------------------------------------------------


def test_the_default_blends_meaning_wording_and_numbers() -> None:
    response, reference = "She has 12 apples", "She has 21 apples"
    result = score(
        [response, "", reference], [reference] * 3, {response: (3.0, 4.0), reference: EAST},
        config=SimilarityReward(),
    )  # fmt: skip
    (overlap,) = character_overlap([response], [reference], 1.5)
    parts = result.components
    assert parts["cosine"] == pytest.approx([0.6, NAN, 1.0], nan_ok=True)
    assert parts["overlap"] == pytest.approx([overlap, NAN, 1.0], nan_ok=True)
    assert parts["numbers"] == pytest.approx([1 / 3, NAN, 1.0], nan_ok=True)
    value = (0.6 + overlap) / 2 * (0.75 + 0.25 / 3)
    assert parts["similarity"] == pytest.approx([value, NAN, 1.0], nan_ok=True)
    assert result.scores == pytest.approx([value, -1.0, 1.0])


def test_the_weights_of_the_blend_are_those_of_the_config() -> None:
    response, reference = "the cat", "the cat sat on 2 mats"
    config = SimilarityReward(similarity=SimilarityConfig(recall_weight=3, number_share=1))
    result = score([response], [reference], {response: EAST, reference: EAST}, config=config)
    (overlap,) = character_overlap([response], [reference], 3)
    assert result.scores == pytest.approx([(1 + overlap) / 2 * (1 / 2)])


def test_the_cosine_alone_has_no_other_parts() -> None:
    result = score(["12"], ["21"], {"12": (3.0, 4.0), "21": EAST})
    assert result.scores == pytest.approx([0.6])
    assert list(result.components) == ["similarity", "repeated", "empty", "truncated"]


def test_the_length_of_the_reference_can_pull() -> None:
    responses, reference = ["abcd", "abcdefgh", "ab", "far far", ""], "w xyz"
    table = {
        "abcd": EAST, "abcdefgh": EAST, "ab": (3.0, 4.0), "far far": WEST, reference: EAST,
    }  # fmt: skip
    pulled = COSINE.model_copy(update={"length_exponent": 0.5})
    config = SimilarityReward(similarity=pulled)
    result = score(responses, [reference] * 5, table, config=config)
    half = 0.5**0.5
    assert result.scores == pytest.approx([1.0, half, 0.6 * half, -1.0, -1.0])
    parts = result.components
    assert parts["length"] == pytest.approx([1, half, half, (4 / 6) ** 0.5, NAN], nan_ok=True)
    assert parts["cosine"] == pytest.approx([1, 1, 0.6, -1, NAN], nan_ok=True)
    assert result.heldout["similarity"] == pytest.approx([1, 1, 0.6, -1, 0])
    assert result.heldout["reward"] == pytest.approx([1, half, 0.6 * half, -1, 0])


def test_the_prompt_is_encoded_but_its_letters_are_not_compared() -> None:
    prompt = "Repeat: the cat sat on 3 mats"
    table = {f"{prompt}\n\n{text}": EAST for text in ("xyz", "abc")}
    config = SimilarityReward(text="prompt_and_response")
    parts = score(["xyz"], ["abc"], table, prompts=[prompt], config=config).components
    assert [parts[name].item() for name in ("cosine", "overlap", "numbers")] == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("cosine", "overlap", "agreement", "share", "expected"),
    [
        (1.0, 1.0, 1.0, 0.25, 1.0),
        (0.8, 0.4, 1.0, 0.25, 0.6),
        (0.8, 0.4, 0.0, 0.25, 0.45),
        (0.8, 0.4, 0.5, 1.0, 0.3),
        (0.8, 0.4, 0.1, 0.0, 0.6),
        (NAN, 0.4, 1.0, 0.25, NAN),
        (-0.2, 0.0, 1.0, 0.25, -0.1),
        (-0.2, 0.0, 0.0, 0.25, -0.1),
    ],
)
def test_a_blend_by_hand(
    cosine: float, overlap: float, agreement: float, share: float, expected: float
) -> None:
    parts = (np.array([part]) for part in (cosine, overlap, agreement))
    assert blended_similarity(*parts, number_share=share) == pytest.approx([expected], nan_ok=True)


# --- what is encoded, and how often -------------------------------------------------------------


def test_the_response_alone_is_encoded_by_default() -> None:
    embedder = TableEmbedder({"A": EAST, "R": EAST})
    reward = ReferenceSimilarity(SimilarityReward(), embedder, ReferenceCache(embedder, None))
    reward.score(RewardBatch.of_texts(["Q"], ["A"], ["R"]))
    assert embedder.calls == [["A"], ["R"]]


def test_the_prompt_is_encoded_on_both_sides_where_the_config_says_so() -> None:
    table = {"Q\n\nA": EAST, "Q\n\nR": (3.0, 4.0), "P\n\nA": EAST, "P\n\nR": WEST}
    embedder = TableEmbedder(table)
    config = SimilarityReward(similarity=COSINE, text="prompt_and_response")
    reward = ReferenceSimilarity(config, embedder, ReferenceCache(embedder, None))
    result = reward.score(RewardBatch.of_texts(["Q", "P", "P"], ["A", "A", ""], ["R", "R", "R"]))
    assert embedder.calls == [["Q\n\nA", "P\n\nA"], ["Q\n\nR", "P\n\nR"]]
    assert result.scores == pytest.approx([0.6, -1.0, -1.0])


def test_a_rollout_is_one_call_and_each_reference_is_encoded_once() -> None:
    responses, references = (
        TableEmbedder({"a": EAST, "b": NORTH}),
        TableEmbedder({"r": EAST, "s": NORTH, "t": WEST}),
    )
    cache = ReferenceCache(references, None)
    reward = ReferenceSimilarity(SimilarityReward(), responses, cache)
    reward.score(RewardBatch.of_texts(["Q"] * 4, ["a", "b", "a", "b"], ["r", "r", "s", "s"]))
    assert responses.calls == [["a", "b", "a", "b"]]
    assert references.calls == [["r", "s"]]
    reward.score(RewardBatch.of_texts(["Q"] * 4, ["a"] * 4, ["s", "t", "r", "t"]))
    assert len(responses.calls) == 2
    assert references.calls == [["r", "s"], ["t"]]
    assert cache.num_encoded == 3


@pytest.mark.parametrize("responses", [[], [""], ["", "  ", "\n"]], ids=["none", "one", "blank"])
def test_nothing_visible_is_never_encoded(responses: list[str]) -> None:
    embedder = TableEmbedder({})
    reward = ReferenceSimilarity(SimilarityReward(), embedder, ReferenceCache(embedder, None))
    count = len(responses)
    result = reward.score(RewardBatch.of_texts(["Q"] * count, responses, ["R"] * count))
    assert embedder.calls == []
    assert result.scores.tolist() == [-1.0] * count
    names = ("similarity", "cosine", "overlap", "numbers", "repeated", "empty", "truncated")
    assert {name: len(part) for name, part in result.components.items()} == dict.fromkeys(
        names, count
    )
    for name in names[:4]:
        assert np.isnan(result.components[name]).all()


def test_a_batch_has_one_of_each_a_row() -> None:
    with pytest.raises(AssertionError, match="one of each a row"):
        RewardBatch.of_texts(["Q"], ["A", "B"], ["R"])


@pytest.mark.parametrize("vector", [(NAN, NAN), (np.inf, 1.0), (0.0, 0.0)])
@pytest.mark.parametrize("side", ["response", "reference"])
def test_what_the_encoder_fails_on_is_unscored_and_never_zero(
    vector: tuple[float, float], side: str
) -> None:
    table = {"good": EAST, "fine": EAST, "bad": vector}
    pair = ("bad", "fine") if side == "response" else ("good", "bad")
    found = score([pair[0], "good"], [pair[1], "fine"], table)
    assert np.isnan(found.scores[0])
    assert found.scores[1] == pytest.approx(1.0)
    assert found.num_unscored == 1
    assert np.isnan(found.heldout["reward"][0])
    assert np.isnan(found.components["similarity"][0])


def test_in_a_group_with_one_score_nothing_is_learnt_and_another_group_learns_as_without_it() -> (
    None
):
    rewards = np.array([NAN, 0.7, NAN, NAN, 0.2, 0.4, NAN, 0.6])
    config = AdvantageConfig()
    found = group_advantages(rewards, 4, config)
    assert found.has_signal.tolist() == [False, True]
    assert found.learnable.tolist() == [False] * 4 + [True, True, False, True]
    assert not found.advantages[:4].any()
    assert found.advantages[6] == 0
    alone = group_advantages(rewards[[4, 5, 7]], 3, config)
    np.testing.assert_allclose(found.advantages[[4, 5, 7]], alone.advantages)
