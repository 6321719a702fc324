"""Scores of held-out answers: made, kept, read back and compared."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.config.reward import LogicReward, RepetitionConfig, SimilarityConfig, SimilarityReward
from rlsr.config.run import RunConfig
from rlsr.config.training import EvaluationConfig
from rlsr.config.translator import ModelTranslator
from rlsr.data.record import Message, PromptRecord
from rlsr.embeddings import Embedder, Encoding, ReferenceCache
from rlsr.evaluation import Answers, Evaluation
from rlsr.evaluation.suites import HeldoutSuite
from rlsr.rewards import FormulaSimilarity, ReferenceSimilarity, Reward, RewardBatch
from rlsr.rewards.closeness import similarity_parts
from rlsr.rewards.translation import Translator
from rlsr.runs import RunDirectory
from rlsr.statistics import Estimate, bootstrap_mean

NAN = float("nan")
EVERY_METRIC = [
    "reward", "similarity", "independent_similarity", "chrf", "bleu", "length_ratio", "repetition", "cut"
]  # fmt: skip
BLEND = SimilarityReward(repetition=RepetitionConfig(min_characters=2), empty_score=-0.5)
COSINE = BLEND.model_copy(update={"similarity": SimilarityConfig(variant="cosine")})


class LetterEmbedder:
    """A text is the number of its letters a, b and c; without them it has no direction."""

    def __init__(self, letters: str) -> None:
        self.identity = letters
        self._letters = letters

    def encode(self, texts: Sequence[str]) -> Encoding:
        rows = [[text.count(letter) for letter in self._letters] for text in texts]
        return Encoding(
            np.array(rows, dtype=np.float32).reshape(len(texts), len(self._letters)),
            np.zeros(len(texts), dtype=np.bool_),
        )


RECORDS = (
    PromptRecord("1", (Message("user", "First?"),), "aab", "f:1", category="sums"),
    PromptRecord("2", (Message("system", "S"), Message("user", "Second?")), "abcabc", "f:2"),
    PromptRecord("3", (Message("user", "Third?"),), "xyz", "f:3"),
)


def evaluation_of(
    records: Sequence[PromptRecord],
    reward: Reward,
    config: SimilarityReward | LogicReward,
    independent: Embedder | None = None,
) -> Evaluation:
    run = RunConfig(
        reward=config,
        evaluation=EvaluationConfig(
            confidence=0.9,
            num_resamples=300,
            independent_embedding=None if independent is None else "org/other",
        ),
    )
    suite = HeldoutSuite(records, reward=reward, independent=independent, config=run)
    return Evaluation(suite, run)


def evaluation(*, independent: bool = True, config: SimilarityReward = BLEND) -> Evaluation:
    embedder = LetterEmbedder("abc")
    reward = ReferenceSimilarity(config, embedder, ReferenceCache(embedder, None))
    return evaluation_of(RECORDS, reward, config, LetterEmbedder("ab") if independent else None)


def scored(responses: Sequence[str]) -> Answers:
    return evaluation().score(responses, [True] * len(responses))


def test_every_metric_scores_every_prompt() -> None:
    scores = scored(["aab", "abab", "ccc"]).scores
    assert list(scores) == EVERY_METRIC
    assert scores["similarity"] == pytest.approx([1.0, (2 / 3) ** 0.5, NAN], nan_ok=True)
    assert scores["independent_similarity"] == pytest.approx([1.0, 1.0, NAN], nan_ok=True)
    assert scores["chrf"][0] == pytest.approx(100)
    assert scores["bleu"][0] == pytest.approx(100)
    assert scores["bleu"][2] == 0
    assert scores["length_ratio"] == pytest.approx([1, 4 / 6, 1])
    assert scores["repetition"].tolist() == [0, 0, 0]
    assert scored(["aaaa", "abcabc", "x"]).scores["repetition"].tolist() == [1, 1, 0]
    ended = evaluation().score(["aab", "abab", "ccc"], [True, False, None])
    assert ended.scores["cut"] == pytest.approx([0, 1, NAN], nan_ok=True)
    assert np.isnan(evaluation().score(["aab", "abab", "ccc"]).scores["cut"]).all()


RESPONSES = ["aab", "abab", "ccc"]


@pytest.mark.parametrize("config", [BLEND, COSINE], ids=["blend", "cosine"])
def test_the_reward_is_measured_as_it_is_trained_on(config: SimilarityReward) -> None:
    scores = evaluation(config=config).score(RESPONSES).scores
    cosines = scores["similarity"]
    references = [record.reference for record in RECORDS]
    parts = similarity_parts(config.similarity, cosines, RESPONSES, references, pytest.fail)
    expected = parts["similarity"]
    assert scores["reward"] == pytest.approx(expected, nan_ok=True)
    assert (scores["reward"][1] == cosines[1]) == (config is COSINE)


@pytest.mark.parametrize("config", [BLEND, COSINE], ids=["blend", "cosine"])
def test_the_rules_of_the_reward_are_left_out_of_it(config: SimilarityReward) -> None:
    responses = ["aabaab", " ", "abc"]
    embedder = LetterEmbedder("abc")
    reward = ReferenceSimilarity(config, embedder, ReferenceCache(embedder, None))
    batch = RewardBatch.of_texts([""] * 3, responses, [record.reference for record in RECORDS])
    assert reward.score(batch).scores[:2].tolist() == [-1.0, -0.5]
    scores = evaluation(config=config).score(responses).scores
    assert scores["reward"][0] > 0.5
    assert scores["reward"][1] == scores["similarity"][1] == 0.0
    assert np.isnan(scores["reward"][2])


@pytest.mark.parametrize(
    ("config", "seen"),
    [
        (BLEND, {"reward", "similarity", "chrf", "repetition"}),
        (COSINE, {"reward", "similarity", "repetition"}),
        (
            COSINE.model_copy(update={"repetition": RepetitionConfig(enabled=False)}),
            {"reward", "similarity"},
        ),
    ],
    ids=["blend", "cosine", "cosine without the rule"],
)
def test_a_change_says_whether_the_reward_has_its_metric(
    config: SimilarityReward, seen: set[str]
) -> None:
    judge = evaluation(config=config)
    scores = judge.score(RESPONSES)
    changes = judge.compare(scores, scores)
    assert {change.name for change in changes if change.in_reward} == seen


def test_without_an_independent_encoder_its_metric_is_left_out() -> None:
    scores = evaluation(independent=False).score(["a", "b", "c"]).scores
    assert list(scores) == [name for name in EVERY_METRIC if name != "independent_similarity"]


def test_rows_hold_what_people_read() -> None:
    rows = evaluation().rows(scored(["aab", "abab", "ccc"]))
    assert [row.id for row in rows] == ["1", "2", "3"]
    assert [row.category for row in rows] == ["sums", None, None]
    assert rows[1].prompt == "system: S\n\nuser: Second?"
    assert (rows[1].reference, rows[1].response) == ("abcabc", "abab")
    assert rows[1].scores["length_ratio"] == pytest.approx(4 / 6)
    json.dumps([row.table() for row in rows])


def assert_equal(found: Answers, expected: Answers) -> None:
    assert found.responses == expected.responses
    assert list(found.scores) == list(expected.scores)
    for name, values in expected.scores.items():
        assert np.array_equal(found.scores[name], values, equal_nan=True), name


def test_rows_are_read_back_as_they_were() -> None:
    before = scored(["aab", "é 🙂", ""])
    assert_equal(evaluation().from_rows(evaluation().rows(before)), before)


def test_unscored_answers_survive_the_file_of_a_run(tmp_path: Path) -> None:
    before = scored(["ccc", "", "abc"])
    assert np.isnan(before.scores["independent_similarity"][[0, 2]]).all()
    run = RunDirectory.create(tmp_path / "run", RunConfig())
    run.write_evaluation("before", evaluation().rows(before))
    rows = run.read_evaluation("before")
    assert rows is not None
    assert_equal(evaluation().from_rows(rows), before)


@pytest.mark.parametrize("change", ["swapped", "one missing"])
def test_rows_of_other_prompts_are_a_broken_invariant(change: str) -> None:
    rows = evaluation().rows(scored(["a", "b", "c"]))
    other = rows[::-1] if change == "swapped" else rows[:2]
    with pytest.raises(AssertionError, match="of other prompts"):
        evaluation().from_rows(other)


def estimate(values: NDArray[np.float64]) -> Estimate:
    return bootstrap_mean(values, confidence=0.9, num_resamples=300)


def test_two_policies_side_by_side() -> None:
    before, after = scored(["b", "abab", "ccc"]), scored(["aab", "abcabc", "xyz"])
    changes = evaluation().compare(before, after)
    assert [change.name for change in changes] == EVERY_METRIC
    for change in changes:
        first, second = before.scores[change.name], after.scores[change.name]
        assert change.before == estimate(first)
        assert change.after == estimate(second)
        assert change.difference == estimate(second - first)
    assert changes[0].difference.num == 2
    assert changes[0].difference.mean > 0


def test_a_policy_compared_with_itself_has_changed_by_nothing() -> None:
    same = scored(["b", "abab", "aaa"])
    for change in evaluation().compare(same, same):
        assert change.difference.mean == 0.0
        assert change.reading == "", "three prompts are too few"


def test_the_logic_reward_counts_what_is_no_formula() -> None:
    config = LogicReward(unparsable="unscored")
    embedder = LetterEmbedder("abc")
    records = [PromptRecord("1", (Message("user", "Q"),), "P(a)", "f:1")] * 4
    heldout = evaluation_of(records, FormulaSimilarity(config, embedder), config)
    answers = heldout.score(["P(a)", "¬P(a)", "no formula", ""])
    scores = answers.scores
    assert "similarity" not in scores
    assert scores["reward"][[0, 2, 3]].tolist() == [1, 0, 0]
    assert scores["logic"][1] < -0.4
    assert scores["logic"][[0, 2, 3]].tolist() == [1, 0, 0]
    assert scores["parsed"].tolist() == [1, 1, 0, 0]
    assert scores["equivalent"].tolist() == [1, 0, 0, 0]
    changes = heldout.compare(answers, answers)
    assert {change.name for change in changes if change.in_reward} == {
        "reward", "logic", "parsed", "equivalent", "bleu"
    }  # fmt: skip


class Quoting(Translator):
    """Takes what stands in quotes for the formula, and cannot be asked about a text with an ellipsis."""

    identity = "quoting"

    def translate(self, texts: Sequence[str]) -> list[str | None]:
        return [None if "..." in text else text.strip("'") for text in texts]


def of_texts(references: Sequence[str]) -> Evaluation:
    config = LogicReward(translator=ModelTranslator(name="any"))
    embedder = LetterEmbedder("abc")
    records = [
        PromptRecord(str(row), (Message("user", "Q"),), reference, f"f:{row}")
        for row, reference in enumerate(references)
    ]
    return evaluation_of(records, FormulaSimilarity(config, embedder, Quoting()), config)


def test_a_translation_that_is_no_formula_says_nothing_of_its_answer() -> None:
    heldout = of_texts(["'P(a)'"] * 5 + ["..."])
    answers = heldout.score(["'P(a)'", "'¬P(a)'", "no formula", "", "...", "'P(a)'"])
    scores = answers.scores
    nothing = [NAN, NAN]
    assert scores["reward"][[0, 2, 3]] == pytest.approx([1, NAN, -0.5], nan_ok=True)
    assert scores["reward"][4:] == pytest.approx(nothing, nan_ok=True)
    assert scores["logic"][[0, 2, 3]] == pytest.approx([1, NAN, 0], nan_ok=True)
    assert scores["parsed"] == pytest.approx([1, 1, 0, 0, NAN, 1], nan_ok=True)
    assert scores["equivalent"] == pytest.approx([1, 0, NAN, 0, *nothing], nan_ok=True)
    seen = {change.name for change in heldout.compare(answers, answers) if change.in_reward}
    assert seen == {"reward", "logic", "parsed", "equivalent"}


def test_rows_show_the_formulas_that_were_compared() -> None:
    heldout = of_texts(["'P(a)'", "'Q(a)'"])
    responses = ["'P(b)'", "..."]
    answers = heldout.score(responses)
    rows = heldout.rows(answers)
    assert [(row.further["formula"], row.further["reference_formula"]) for row in rows] == [
        ("P(b)", "P(a)"), (None, "Q(a)")
    ]  # fmt: skip
    assert heldout.from_rows(rows).texts == answers.texts
    assert evaluation().rows(scored(["a", "b", "c"]))[0].further == {}


def test_rows_show_all_references_and_answers_are_read_back_without_them() -> None:
    embedder = LetterEmbedder("abc")
    reward = ReferenceSimilarity(BLEND, embedder, ReferenceCache(embedder, None))
    records = [replace(RECORDS[0], other_references=("abc", "c")), RECORDS[1]]
    several = evaluation_of(records, reward, BLEND)
    answers = several.score(["abc", "abcabc"])
    assert answers.scores["chrf"].tolist() == pytest.approx([100, 100])
    rows = several.rows(answers)
    assert [row.references for row in rows] == [(RECORDS[0].reference, "abc", "c"), ()]
    assert [row.further for row in rows] == [{}, {}]
    assert several.from_rows(rows).texts == {}
