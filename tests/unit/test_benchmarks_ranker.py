"""benchmarks/ranker.py: what it measures is the reward's, and what it learns is what labels say."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.config.reward import SimilarityConfig, SimilarityReward
from rlsr.embeddings import ReferenceCache, load_named_embedder
from rlsr.rewards import ReferenceSimilarity, RewardBatch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
REFERENCE = "Paris is the capital of France. It has 2 million inhabitants.\nMany people visit it."
RESPONSES = [
    REFERENCE,
    "The capital is Paris, with 2,000 museums.",
    "Many people visit it. It has 3 million inhabitants. Paris is the capital of France.",
    "I cannot help with that!",
    "!!!",
    "1. Berlin\n2. Rome",
]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script's module; benchmarks are no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.mark.parametrize("variant", ["blend", "ensemble"])
def test_the_scores_of_the_script_are_those_of_the_reward(module: Any, variant: Any) -> None:
    scorers, parts = module("ranker_scorers"), module("ranker_parts")
    embedder = load_named_embedder("builtin:wordllama", "cpu")
    pairs = [(response, REFERENCE) for response in RESPONSES]
    row = module("ranker_rows").Measured(
        "set", "id", tuple(RESPONSES), np.zeros(len(pairs)), parts.measure_parts(embedder, pairs),
        np.array([len(response.split()) for response in RESPONSES]),
    )  # fmt: skip
    name = {"blend": scorers.DEFAULT, "ensemble": scorers.SHIPPED}[variant]
    reward = ReferenceSimilarity(
        SimilarityReward(similarity=SimilarityConfig(variant=variant)),
        embedder,
        ReferenceCache(embedder, None),
    )
    count = len(RESPONSES)
    batch = RewardBatch.of_texts(["Q"] * count, RESPONSES, [REFERENCE] * count)
    found = reward.score(batch).components["similarity"]
    assert scorers.fixed_scorers()[name](row) == pytest.approx(found, abs=1e-6)
    assert found[0] == pytest.approx(1)


def test_weights_follow_the_labels_and_none_is_below_0(module: Any) -> None:
    fit = module("ranker_fit")
    rng = np.random.default_rng(0)
    prompts = []
    for _ in range(200):
        parts = rng.random((4, 3))
        # The third part says nothing, and the second is larger for the worse answers.
        labels = 2 * parts[:, 0] - parts[:, 1] + 0.1 * rng.normal(size=4)
        prompts.append(fit.pair_differences(parts, labels))
    weights = fit.learn([prompts])
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9
    assert weights[1] == 0
    assert (weights >= 0).all()


def test_every_set_counts_alike_however_many_prompts_it_has(module: Any) -> None:
    fit = module("ranker_fit")
    one, other = np.array([[1.0, -0.5]]), np.array([[-0.5, 1.0]])
    assert fit.learn([[one], [other]]) == pytest.approx([0.5, 0.5], abs=1e-4)
    assert fit.learn([[one] * 50, [other]]) == pytest.approx([0.5, 0.5], abs=1e-4)


def test_pairs_are_those_whose_labels_differ(module: Any) -> None:
    parts, labels = np.array([[1.0], [4.0], [6.0]]), np.array([2.0, 1.0, 1.0])
    assert module("ranker_fit").pair_differences(parts, labels).tolist() == [[-3.0], [-5.0]]
    assert module("ranker_fit").pair_differences(parts, np.zeros(3)).shape == (0, 1)
