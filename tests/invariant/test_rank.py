"""Ranking of the policy's own samples: loss and gradient are the formula, whatever way the passes take."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from trl.trainer.utils import shuffle_sequence_dict

from sgrpo_runs import (
    NO_SIGNAL,
    REWARDS,
    assert_same,
    gradient,
    log_probs_of,
    make,
    move,
    references_of,
    roll_out,
    step,
    step_of,
)

UNSCORED = [math.nan if place in {1, 8} else reward for place, reward in enumerate(REWARDS)]


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return [
        *tiny_settings,
        "method=rank",
        "training.prompts_per_step=3",
        "method.max_response_tokens=16",
        "method.rank_weight=0.7",
        # Of the size of the differences between the scores, so that some pairs have their margin.
        "method.margin=0.03",
    ]


def by_hand(
    trainer: Any, batch: dict[str, Any], scores: list[float], penalty: float, temperature: float
) -> tuple[torch.Tensor, int, int]:
    """The loss of a step, and how many pairs there are and lack their margin."""
    found = step_of(batch)
    nll = torch.cat([-log_probs_of(trainer.model, *row) for row in references_of(trainer)]).mean()
    values = []
    for prompt, response in zip(found.prompts, found.responses, strict=True):
        log_probs = log_probs_of(trainer.model, prompt, response, temperature)
        values.append(log_probs.sum() / len(response) ** penalty)
    hinges = []
    for start in (0, 4, 8):
        levels = sorted({reward for reward in scores[start : start + 4] if not math.isnan(reward)})
        for better in range(start, start + 4):
            for worse in range(start, start + 4):
                if scores[better] > scores[worse]:
                    distance = levels.index(scores[better]) - levels.index(scores[worse])
                    lead = values[better] - values[worse]
                    hinges.append(torch.relu(0.03 * distance - lead))
    ranking = torch.stack(hinges).mean()
    violated = sum(hinge > 0 for hinge in hinges)
    return nll + 0.7 * ranking, len(hinges), int(violated)


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize(
    ("scores", "penalty", "temperature"),
    [(REWARDS, 1.0, 1.0), (UNSCORED, 0.5, 1.0), (REWARDS, 2.0, 0.8)],
)
def test_loss_and_gradient_are_the_formula(
    settings: list[str],
    tmp_path: Path,
    scores: list[float],
    penalty: float,
    temperature: float,
    lora: str,
) -> None:
    trainer = make(
        settings, tmp_path / "run", f"method.length_penalty={penalty}", f"model.lora={lora}",
        f"method.temperature={temperature}", scores=scores,
    )  # fmt: skip
    batch = roll_out(trainer)
    logged = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    torch.manual_seed(3)
    results = []
    for shuffled in (batch, shuffle_sequence_dict(batch)):
        for by_groups in (True, False):
            for tokens_per_pass in (1, 60, 10_000):
                trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
                results.append(step(trainer, shuffled))
    expected, num_pairs, violated = by_hand(trainer, batch, scores, penalty, temperature)
    assert 0 < violated < num_pairs, "some pairs have their margin, and some do not"
    trainer.model.zero_grad()
    expected.backward()
    for loss, grad in results:
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
        assert_same(grad, gradient(trainer))
    assert 0 < logged["rank/accuracy"] < 1


def test_without_signal_the_references_are_learnt_alone(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path / "run", scores=NO_SIGNAL)
    batch = roll_out(trainer)
    assert not batch["completion_mask"].any(), "nothing of the responses is read"
    move(trainer)
    loss, grad = step(trainer, batch)
    assert trainer.num_trained_tokens == sum(len(tokens) for _, tokens in references_of(trainer))
    trainer.model.zero_grad()
    nll = torch.cat([-log_probs_of(trainer.model, *row) for row in references_of(trainer)]).mean()
    nll.backward()
    torch.testing.assert_close(loss, nll.detach(), rtol=1e-5, atol=1e-6)
    assert_same(grad, gradient(trainer))


def test_pairs_with_their_margin_are_left_out_of_the_update(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path / "run", "method.margin=0")
    batch = roll_out(trainer)
    found = step_of(batch)
    scores, slopes = (torch.tensor(found.columns[name]) for name in ("score", "rank_slope"))
    wrong = 0
    for row in range(12):
        read = bool(batch["completion_mask"][row].any())
        group = range(row - row % 4, row - row % 4 + 4)
        better = [other for other in group if REWARDS[other] > REWARDS[row]]
        worse = [other for other in group if REWARDS[other] < REWARDS[row]]
        above = sum(bool(scores[row] > scores[other]) for other in better)
        below = sum(bool(scores[row] < scores[other]) for other in worse)
        assert read is bool(above or below)
        assert slopes[row] == above - below
        wrong += above
    assert trainer._metrics["train"]["rank/accuracy"] == [pytest.approx(1 - wrong / 12)]
