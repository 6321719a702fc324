"""What holds for the reward of any rollout."""

import hashlib
import math
import random as randoms
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from rlsr.config.reward import SimilarityConfig, SimilarityReward
from rlsr.data import PromptRecord
from rlsr.data.record import Message
from rlsr.data.visible import is_empty
from rlsr.embeddings import Encoding, ReferenceCache
from rlsr.rewards import ReferenceSimilarity, RewardBatch, RewardResult
from rlsr.rewards.closeness import blended_similarity, ensemble_similarity, length_factors, made_of
from rlsr.rewards.references import OverReferences
from rlsr.rewards.similarity import cosine_rewards

Matrix = NDArray[np.float32]
WITHOUT_DIRECTION = "zero"

# Far from the ends of float32, so that a scaled vector is neither rounded to zero nor to infinity.
magnitudes = st.floats(min_value=2**-30, max_value=2**30, width=32)
numbers = st.just(0.0) | magnitudes | magnitudes.map(lambda number: -number)
scales = st.floats(min_value=2**-40, max_value=2**40, width=32)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    shape = (draw(st.integers(0, 6)), draw(st.integers(1, 5)))
    sides = arrays.arrays(np.float32, shape, elements=numbers)
    return draw(sides), draw(sides)


def oracle(left: Sequence[float], right: Sequence[float]) -> float:
    norms = math.hypot(*left) * math.hypot(*right)
    return math.fsum(a * b for a, b in zip(left, right, strict=True)) / norms if norms else math.nan


class HashEmbedder:
    """Gives every text a direction of its own, and one text none."""

    identity = "hash"

    def encode(self, texts: Sequence[str]) -> Encoding:
        rows = [self._vector(text) for text in texts]
        return Encoding(
            vectors=np.array(rows, dtype=np.float32).reshape(len(texts), 8),
            truncated=np.array([len(text) > 5 for text in texts], dtype=np.bool_),
        )

    def _vector(self, text: str) -> list[int]:
        if text == WITHOUT_DIRECTION:
            return [0] * 8
        return [byte - 128 for byte in hashlib.sha256(text.encode()).digest()[:8]]


@settings(deadline=None, max_examples=150)
@given(pairs())
def test_cosines_are_those_of_plain_python(sides: tuple[Matrix, Matrix]) -> None:
    left, right = sides
    expected = [oracle(a, b) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    assert cosine_rewards(left, right) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(deadline=None, max_examples=150)
@given(pairs())
def test_cosines_are_bounded_symmetric_and_unscored_only_without_a_direction(
    sides: tuple[Matrix, Matrix],
) -> None:
    left, right = sides
    scores = cosine_rewards(left, right)
    without = ~left.any(axis=1) | ~right.any(axis=1)
    assert np.array_equal(np.isnan(scores), without)
    assert (np.abs(scores[~without]) <= 1).all()
    assert np.array_equal(scores, cosine_rewards(right, left), equal_nan=True)


@settings(deadline=None, max_examples=100)
@given(pairs(), scales, scales)
def test_the_length_of_a_vector_does_not_matter(
    sides: tuple[Matrix, Matrix], first: float, second: float
) -> None:
    left, right = sides
    scaled = cosine_rewards(left * np.float32(first), right * np.float32(second))
    assert scaled == pytest.approx(cosine_rewards(left, right), abs=1e-6, nan_ok=True)


@settings(deadline=None, max_examples=100)
@given(pairs())
def test_a_vector_turned_around_turns_the_sign(sides: tuple[Matrix, Matrix]) -> None:
    left, right = sides
    assert np.array_equal(
        cosine_rewards(-left, right), -cosine_rewards(left, right), equal_nan=True
    )


texts = st.text(max_size=8) | st.sampled_from(["", "  ", WITHOUT_DIRECTION, "ab" * 60])
references = st.text(max_size=8).filter(str.strip).filter(lambda text: text != WITHOUT_DIRECTION)
rows = st.lists(st.tuples(texts, texts, references), max_size=8)
Row = tuple[str, str, str]


def score(batch: Sequence[Row], config: SimilarityReward) -> RewardResult:
    embedder = HashEmbedder()
    reward = ReferenceSimilarity(config, embedder, ReferenceCache(embedder, None))
    prompts, responses, answers = ([row[part] for row in batch] for part in range(3))
    return reward.score(RewardBatch.of_texts(prompts, responses, answers))


def as_rows(result: RewardResult) -> list[tuple[float, ...]]:
    return list(zip(result.scores.tolist(), *(map(list, result.components.values())), strict=True))


similarities = st.builds(
    SimilarityConfig,
    variant=st.sampled_from(["blend", "ensemble", "cosine"]),
    recall_weight=st.floats(min_value=0.1, max_value=10),
    number_share=st.floats(min_value=0, max_value=1),
    length_exponent=st.sampled_from([0.0, 0.25, 1.0]),
)
configs = st.builds(
    SimilarityReward,
    similarity=similarities,
    text=st.sampled_from(["response", "prompt_and_response"]),
)


@settings(deadline=None, max_examples=100)
@given(rows, configs)
def test_scores_and_flags_are_within_their_bounds(
    batch: list[Row], config: SimilarityReward
) -> None:
    result = score(batch, config)
    scored = result.scores[~np.isnan(result.scores)]
    assert ((scored >= -1) & (scored <= 1)).all()
    assert result.num_unscored == len(batch) - len(scored)
    for name in ("repeated", "empty", "truncated"):
        assert set(result.components[name].tolist()) <= {0.0, 1.0}


@settings(deadline=None, max_examples=100)
@given(rows, configs, st.randoms(use_true_random=False))
def test_the_score_of_a_response_does_not_depend_on_its_place_or_its_neighbours(
    batch: list[Row], config: SimilarityReward, random: randoms.Random
) -> None:
    together = as_rows(score(batch, config))
    order = list(range(len(batch)))
    random.shuffle(order)
    shuffled = as_rows(score([batch[place] for place in order], config))
    alone = [as_rows(score([row], config))[0] for row in batch]
    for place, row in zip(order, shuffled, strict=True):
        assert row == pytest.approx(together[place], nan_ok=True)
    for one, other in zip(alone, together, strict=True):
        assert one == pytest.approx(other, nan_ok=True)


@settings(deadline=None, max_examples=100)
@given(rows)
def test_the_rules_decide_before_the_similarity(batch: list[Row]) -> None:
    result = score(batch, SimilarityReward(empty_score=-0.25))
    parts = result.components
    for place, (_, response, _) in enumerate(batch):
        if is_empty(response):
            assert result.scores[place] == -0.25
        elif parts["repeated"][place]:
            assert result.scores[place] == -1.0
        else:
            similarity = parts["similarity"][place]
            assert result.scores[place] == pytest.approx(similarity, nan_ok=True)
            assert np.isnan(similarity) == (response == WITHOUT_DIRECTION)


unit = st.floats(min_value=0, max_value=1)
closeness = st.tuples(st.floats(min_value=-1, max_value=1), unit, unit)


def blended(parts: tuple[float, float, float], number_share: float) -> float:
    (value,) = blended_similarity(*(np.array([part]) for part in parts), number_share=number_share)
    return float(value)


@settings(deadline=None, max_examples=200)
@given(closeness, closeness, unit)
def test_a_blend_is_bounded_and_never_falls_when_a_part_rises(
    first: tuple[float, float, float], second: tuple[float, float, float], share: float
) -> None:
    low = tuple(map(min, first, second))
    value = blended(first, share)
    assert -0.5 <= value <= 1
    assert blended((low[0], low[1], low[2]), share) <= value


members = st.lists(unit, min_size=1, max_size=5)


@settings(deadline=None, max_examples=200)
@given(st.floats(min_value=-1, max_value=1), members, unit, unit)
def test_an_ensemble_is_the_mean_of_its_members_lowered_by_wrong_numbers(
    cosine: float, overlaps: list[float], agreement: float, share: float
) -> None:
    mean = math.fsum([cosine, *overlaps]) / (1 + len(overlaps))
    arrays = [np.array([value]) for value in overlaps]
    (found,) = ensemble_similarity(
        np.array([cosine]), arrays, np.array([agreement]), number_share=share
    )
    expected = mean * (1 - share * (1 - agreement)) if mean > 0 else mean
    assert found == pytest.approx(expected, abs=1e-12)
    if len(overlaps) == 1:
        assert found == blended((cosine, overlaps[0], agreement), share)


@settings(deadline=None, max_examples=100)
@given(rows, similarities)
def test_a_similarity_is_made_of_its_parts(batch: list[Row], similarity: SimilarityConfig) -> None:
    parts = dict(score(batch, SimilarityReward(similarity=similarity)).components)
    names = [part.name for part in made_of(similarity)]
    assert list(parts) == ["similarity", *names, "repeated", "empty", "truncated"]
    if not names:
        return
    found = parts["cosine"]
    if similarity.variant != "cosine":
        cosine, *overlaps, agreement = (parts[name] for name in names if name != "length")
        share = similarity.number_share
        found = ensemble_similarity(cosine, overlaps, agreement, number_share=share)
    if similarity.length_exponent:
        found = np.where(found > 0, found * parts["length"], found)
    assert np.array_equal(found, parts["similarity"], equal_nan=True)
    for name in names[1:]:
        visible = parts[name][~np.isnan(parts[name])]
        assert len(visible) == sum(not is_empty(row[1]) for row in batch)
        assert ((visible >= 0) & (visible <= 1 + 1e-12)).all()


shown = st.text(alphabet="ab é", max_size=12)


@given(shown, shown, st.floats(min_value=0, max_value=10), st.text(alphabet=" \n\u200b"))
def test_lengths_count_alike_in_both_directions_and_white_space_fills_nothing_up(
    response: str, reference: str, exponent: float, filler: str
) -> None:
    (factor,) = length_factors([response], [reference], exponent)
    lengths = [max(len(text.replace(" ", "")), 1) for text in (response, reference)]
    apart = abs(math.log(lengths[0]) - math.log(lengths[1]))
    assert factor == pytest.approx(math.exp(-exponent * apart))
    assert 0 < factor <= 1
    assert length_factors([reference], [response], exponent) == [factor]
    assert length_factors([filler + response + filler], [reference], exponent) == [factor]


several = st.lists(
    st.tuples(st.text(max_size=6), st.lists(references | st.just(WITHOUT_DIRECTION), min_size=1, max_size=4, unique=True)),
    max_size=5,
)  # fmt: skip
Several = list[tuple[str, list[str]]]


def score_several(
    batch: Several, combine: Literal["best", "mean"], config: SimilarityReward | None = None
) -> RewardResult:
    embedder = HashEmbedder()
    reward = ReferenceSimilarity(
        config or SimilarityReward(), embedder, ReferenceCache(embedder, None)
    )
    records = [
        PromptRecord(str(row), (Message("user", "Q"),), first, "f", other_references=tuple(others))
        for row, (_, (first, *others)) in enumerate(batch)
    ]
    responses = [response for response, _ in batch]
    return OverReferences(reward, combine).score(RewardBatch(records, responses))


@settings(deadline=None, max_examples=100)
@given(several)
def test_over_several_references_stands_what_each_alone_would_give(batch: Several) -> None:
    alone = [
        [float(score([("Q", response, one)], SimilarityReward()).scores[0]) for one in answers]
        for response, answers in batch
    ]
    best, mean = score_several(batch, "best").scores, score_several(batch, "mean").scores
    for place, scores in enumerate(alone):
        known = [one for one in scores if not math.isnan(one)]
        assert best[place] == pytest.approx(max(known, default=math.nan), nan_ok=True)
        assert mean[place] == pytest.approx(
            np.mean(known) if known else math.nan, nan_ok=True, abs=1e-12
        )


@settings(deadline=None, max_examples=100)
@given(several, st.randoms(use_true_random=False))
def test_the_order_of_references_does_not_matter(batch: Several, random: randoms.Random) -> None:
    shuffled = [(response, random.sample(answers, len(answers))) for response, answers in batch]
    best = score_several(batch, "best").scores
    assert np.array_equal(best, score_several(shuffled, "best").scores, equal_nan=True)
    mean = score_several(batch, "mean").scores
    assert score_several(shuffled, "mean").scores == pytest.approx(mean, nan_ok=True, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(rows, similarities)
def test_one_reference_is_scored_bit_for_bit_as_without(
    batch: list[Row], similarity: SimilarityConfig
) -> None:
    config = SimilarityReward(similarity=similarity)
    expected = score([("Q", response, answer) for _, response, answer in batch], config)
    combines: tuple[Literal["best"], Literal["mean"]] = ("best", "mean")
    for combine in combines:
        found = score_several([(row[1], [row[2]]) for row in batch], combine, config)
        assert np.array_equal(as_rows(found), as_rows(expected), equal_nan=True)
