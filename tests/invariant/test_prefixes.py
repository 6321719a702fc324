"""Responses that go on from a part of their reference: GRPO on what the policy wrote, a supervised term on the prefix."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rlsr.config import load_config
from rlsr.engines.trl.prefixes import prefix_of
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.methods import max_variance_subset
from rlsr.models import load_policy
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
    sgrpo_settings,
    step,
    step_of,
)

RATIOS = [0, 0.3, 0.6, 1]


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return [
        *sgrpo_settings(tiny_settings),
        f"method.prefix_ratios={RATIOS}",
        "method.prefix_weight=0.6",
        # Between the probabilities that the moved policy gives its prefixes.
        "method.prefix_floor=0.004",
        "method.label_weight=0",
    ]


def tokens_of(batch: dict[str, Any], whole: torch.Tensor, row: int) -> tuple[list[int], list[int]]:
    """Prompt and response of a row, whatever of it is learnt from."""
    return (
        batch["prompt_ids"][row][batch["prompt_mask"][row].bool()].tolist(),
        batch["completion_ids"][row][: whole[row]].tolist(),
    )


def lengths_of(trainer: RolloutTrainer) -> torch.Tensor:
    return torch.tensor(trainer.reward_function.last.num_tokens)


def test_a_response_begins_with_its_prefix(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run")
    batch = roll_out(trainer)
    lengths = lengths_of(trainer)
    references = {record.reference: tokens for record, (_, tokens) in zip(trainer.reward_function._records, references_of(trainer), strict=True)}  # fmt: skip
    for row, record in enumerate(trainer.reward_function.last.records):
        _, response = tokens_of(batch, lengths, row)
        prefix = prefix_of(references[record.reference], RATIOS[row % 4])
        assert response[: len(prefix)] == prefix
        assert len(response) <= 16
        if row % 4 == 3:
            assert response == references[record.reference]
        else:
            assert len(response) > len(prefix)
        own = batch["tool_mask"][row][: len(response)].tolist()
        assert own == [0] * len(prefix) + [1] * (len(response) - len(prefix))


@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_the_policy_goes_on_from_the_prefix(
    settings: list[str], tmp_path: Path, passes: str
) -> None:
    policy = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    # Nearly greedy, so that it is known what comes.
    trainer = make(
        settings, tmp_path / "run", f"engine.passes={passes}", "method.temperature=0.0001"
    )
    batch = roll_out(trainer)
    lengths = lengths_of(trainer)
    for row in range(12):
        prompt, response = tokens_of(batch, lengths, row)
        begun = int((1 - batch["tool_mask"][row][: len(response)]).sum())
        for place in range(begun, len(response)):
            with torch.no_grad():
                logits = policy(torch.tensor([[*prompt, *response[:place]]])).logits[0, -1]
            assert logits.max() - logits[response[place]] < 1e-3


def test_shares_of_nothing_are_plain_rollouts_to_the_bit(
    settings: list[str], tmp_path: Path
) -> None:
    found = []
    for ratios in ("[0, 0, 0, 0]", "null"):
        trainer = make(settings, tmp_path / ratios[:2], f"method.prefix_ratios={ratios}")
        batch = roll_out(trainer)
        move(trainer)
        found.append((batch["completion_ids"], *step(trainer, batch)))
        assert "optim/prefix_nll" not in trainer._metrics["train"]
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("average", ["token", "sequence"])
@pytest.mark.parametrize("extra", [(), ("method.update_subset=3",), ("method.label_weight=0.5",)])
def test_loss_and_gradient_are_the_formula(
    settings: list[str], tmp_path: Path, average: str, extra: tuple[str, ...]
) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    trainer = make(settings, tmp_path / "run", f"method.loss_average={average}", *extra)
    batch = roll_out(trainer)
    lengths = lengths_of(trainer)
    move(trainer)
    results = []
    logged: dict[str, float] = {}
    for by_groups in (True, False):
        for tokens_per_pass in (1, 60, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            results.append(step(trainer, batch))
            logged = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    selected = np.ones(12, dtype=bool)
    if "method.update_subset=3" in extra:
        selected = max_variance_subset(np.array(REWARDS), 4, 3)
    grpo, prefixes, num_own, num_responses = torch.zeros(()), [], 0, 0
    weights = []
    for row in np.flatnonzero(selected):
        prompt, response = tokens_of(batch, lengths, int(row))
        begun = int((1 - batch["tool_mask"][row][: len(response)]).sum())
        now = log_probs_of(trainer.model, prompt, response)
        with torch.no_grad():
            before = log_probs_of(untouched, prompt, response)
        probabilities = now.detach().exp()
        weights.append((probabilities / probabilities.clamp(min=0.004))[:begun])
        prefixes.append(-weights[-1] * now[:begun])
        num_own += len(response) - begun
        num_responses += len(response) > begun
        group = [place for place in range(row - row % 4, row - row % 4 + 4) if selected[place]]
        rewards = np.array(REWARDS)[group]
        if rewards.std() < 1e-9 or len(response) == begun:
            continue
        advantage = (REWARDS[row] - rewards.mean()) / rewards.std(ddof=1)
        k3 = (before - now).exp() - (before - now) - 1
        tokens = ((-advantage + 0.3 * k3) * (now - now.detach()).exp())[begun:]
        grpo = grpo + (tokens.sum() if average == "token" else tokens.mean())
    assert int(batch["num_items_in_batch"]) == num_own
    assert step_of(batch).num_responses == num_responses
    expected = grpo / (num_own if average == "token" else num_responses)
    expected = expected + 0.6 * torch.cat(prefixes).mean()
    assert logged["optim/prefix_token_weight"] == pytest.approx(float(torch.cat(weights).mean()), rel=1e-5)  # fmt: skip
    assert 0 < float((torch.cat(weights) < 1).float().mean()) < 1, "the floor has its effect"
    if "method.label_weight=0.5" in extra:
        losses = torch.cat([-log_probs_of(trainer.model, *row) for row in references_of(trainer)])
        expected = expected + 0.5 * losses.mean()
    trainer.model.zero_grad()
    expected.backward()
    for loss, grad in results:
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
        assert_same(grad, gradient(trainer))


def test_prefixes_are_learnt_from_without_signal(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run", scores=NO_SIGNAL)
    batch = roll_out(trainer)
    loss, grad = step(trainer, batch)
    assert torch.isfinite(loss)
    assert grad.any()
    num_prefix_tokens = sum(step_of(batch).columns["num_prefix_tokens"])
    assert trainer.num_trained_tokens == num_prefix_tokens > 0
    without = make(settings, tmp_path / "without", "method.prefix_weight=0", scores=NO_SIGNAL)
    assert not step(without, roll_out(without))[1].any()


def test_the_reward_of_responses_without_a_prefix_is_logged(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path / "run")
    roll_out(trainer)
    logged = trainer._metrics["train"]
    assert logged["reward/unguided"] == [pytest.approx(np.mean(REWARDS[::4]))]
    assert logged["reward"] == [pytest.approx(np.mean(REWARDS))]


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_whole_references_leave_nothing_to_write(
    settings: list[str], tmp_path: Path, average: str
) -> None:
    trainer = make(
        settings, tmp_path / "run", "method.prefix_ratios=[1, 1, 1, 1]",
        f"method.loss_average={average}",
    )  # fmt: skip
    batch = roll_out(trainer)
    assert not batch["tool_mask"][batch["completion_mask"].bool()].any()
    assert int(batch["num_items_in_batch"]) == 0
    loss, grad = step(trainer, batch)
    assert torch.isfinite(loss)
    assert grad.any()
