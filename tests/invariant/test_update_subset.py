"""An update on a subset of each group is the update on these responses alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rlsr.config import load_config
from rlsr.engines import estimate
from rlsr.engines.memory import PolicySize
from rlsr.engines.trl.padded import Responses
from rlsr.engines.trl.step import STEP, Step
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.methods import group_advantages, max_variance_subset
from trainers import FixedReward, gradient, roll_out, trainer_of_config

NAN = float("nan")

# Groups of four; the first has one response that is not scored, the second no signal.
REWARDS = [0.2, NAN, 0.9, 0.5, 0.4, 0.4, 0.4, 0.4, 0.0, 1.0, 0.1, 0.3]
IN_SUBSET = [0, 2, 4, 5, 8, 9]
LEARNED = [0, 2, 8, 9]


def make(
    settings: list[str], path: Path, *extra: str, scores: Sequence[float] | None = REWARDS
) -> RolloutTrainer:
    """Make a trainer on the tiny policy, three prompts a step."""
    config = load_config(
        overrides=[*settings, "training.prompts_per_step=3", "method.kl_coefficient=0.3", *extra]
    )
    reward = None if scores is None else FixedReward(scores)
    trainer: RolloutTrainer = trainer_of_config(config, path, tokens_per_pass=60, reward=reward)
    # A sixth of all tokens ends a response, so that responses differ in length.
    trainer.eos_token_ids = list(range(0, 320, 6))
    return trainer


def step_of(batch: dict[str, Any]) -> Step:
    found: Step = batch[STEP][0]
    return found


def move(trainer: RolloutTrainer) -> None:
    """Move the policy away from the reference, so that the KL term counts."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))


def step(trainer: RolloutTrainer, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, batch)
    return loss.detach(), gradient(trainer)


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_loss_and_gradient_are_those_of_the_subset_by_hand(
    tiny_settings: list[str], tmp_path: Path, average: str
) -> None:
    settings = [*tiny_settings, f"method.loss_average={average}"]
    trainer = make(settings, tmp_path / "run", "method.update_subset=2")
    batch = roll_out(trainer)
    # The same seed writes the same responses; here none of them is masked.
    whole = roll_out(make(settings, tmp_path / "whole", scores=[row / 10 for row in range(12)]))
    assert torch.equal(whole["completion_ids"], batch["completion_ids"])
    assert [int(row) for row in batch["completion_mask"].any(dim=1).nonzero()] == LEARNED

    lengths = whole["completion_mask"].sum(dim=1)
    assert len(set(lengths.tolist())) > 1, "responses of equal length would not tell averages apart"
    assert batch["num_items_in_batch"] == lengths[IN_SUBSET].sum()
    move(trainer)
    loss, ours = step(trainer, batch)

    trainer.model.zero_grad()
    terms = []
    for pair in ([0, 2], [8, 9]):
        rewards = torch.tensor([REWARDS[row] for row in pair])
        advantages = (rewards - rewards.mean()) / rewards.std()
        for row, advantage in zip(pair, advantages, strict=True):
            terms.append(_token_losses(trainer.model, whole, row, advantage))
    # The group without signal adds nothing above the line, and its two selected responses count below it.
    if average == "token":
        expected = sum(term.sum() for term in terms) / lengths[IN_SUBSET].sum()
    else:
        expected = sum(term.mean() for term in terms) / len(IN_SUBSET)
    assert isinstance(expected, torch.Tensor)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours, gradient(trainer), rtol=1e-3, atol=1e-6)
    assert ours.abs().max() > 1e-3


def _token_losses(
    model: Any, whole: dict[str, Any], row: int, advantage: torch.Tensor
) -> torch.Tensor:
    """GRPO at an on-policy step, a number a token: (-A + 0.3 * k3) * pi / sg(pi)."""
    prompt = whole["prompt_ids"][row][whole["prompt_mask"][row].bool()]
    response = whole["completion_ids"][row][whole["completion_mask"][row].bool()]
    length = len(response)
    logits = model(input_ids=torch.cat([prompt, response])[None]).logits[0, -length - 1 : -1]
    log_probs = torch.log_softmax(logits, -1)[torch.arange(length), response]
    difference = whole["ref_per_token_logps"][row][:length] - log_probs
    k3 = difference.exp() - difference - 1
    return (-advantage + 0.3 * k3) * (log_probs - log_probs.detach()).exp()


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_passes_of_any_size_give_one_gradient(
    tiny_settings: list[str], tmp_path: Path, average: str
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        f"method.loss_average={average}",
        "method.update_subset=3",
    )
    batch = roll_out(trainer)
    move(trainer)
    results = []
    for by_groups in (True, False):
        for tokens_per_pass in (1, 60, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            results.append(step(trainer, batch))
    for loss, grad in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(grad, results[0][1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_the_whole_group_as_its_subset_changes_nothing(
    tiny_settings: list[str], tmp_path: Path, average: str
) -> None:
    scores = [row**2 / 200 for row in range(12)]
    results = []
    for size in ("null", "4"):
        trainer = make(
            tiny_settings,
            tmp_path / size,
            f"method.loss_average={average}",
            f"method.update_subset={size}",
            scores=scores,
        )
        batch = roll_out(trainer)
        results.append((batch, *step(trainer, batch)))
    (plain, loss, grad), (other, other_loss, other_grad) = results
    assert plain.keys() == other.keys()
    tables = [name for name in plain if name != STEP]
    assert all(torch.equal(plain[name], other[name]) for name in tables)
    assert torch.equal(loss, other_loss)
    assert torch.equal(grad, other_grad)


def test_the_reference_policy_is_asked_about_the_subset_alone(
    tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(tiny_settings, tmp_path / "run", "method.update_subset=2")
    asked = []
    score = trainer.score_pass

    def count(model: Any, rows: Responses, **settings: Any) -> Any:
        assert model is trainer.ref_model
        asked.append(len(rows.responses))
        return score(model, rows, **settings)

    monkeypatch.setattr(trainer, "score_pass", count)
    batch = roll_out(trainer)
    assert sum(asked) == len(LEARNED)
    left_out = [row for row in range(len(REWARDS)) if row not in LEARNED]
    assert not batch["ref_per_token_logps"][left_out].any()


def test_the_batch_has_the_advantages_within_the_subset(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(tiny_settings, tmp_path / "run", "method.update_subset=3", scores=None)
    batch = roll_out(trainer)
    rewards = step_of(batch).rewards
    kept = max_variance_subset(rewards, 4, 3)
    assert kept.reshape(3, 4).sum(axis=1).tolist() == [3, 3, 3]
    expected = group_advantages(np.where(kept, rewards, NAN), 4, trainer._method.advantage)
    np.testing.assert_allclose(batch["advantages"].numpy(), expected.advantages, rtol=1e-6)


def test_metrics_of_the_rewards_stay_those_of_the_whole_rollout(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    logged = []
    for size in ("null", "2"):
        trainer = make(tiny_settings, tmp_path / size, f"method.update_subset={size}")
        roll_out(trainer)
        logged.append({name: values[-1] for name, values in trainer._metrics["train"].items()})
    whole, subset = logged
    for name in whole:
        if name != "advantage/mean_size":
            assert subset[name] == pytest.approx(whole[name], nan_ok=True), name
    # Two responses lie at +-1/sqrt(2) standard deviations; four of the six selected have an advantage.
    assert subset["advantage/mean_size"] == pytest.approx(4 / 6 * 0.5**0.5, rel=1e-6)


def test_a_rollout_that_is_not_scored_teaches_nothing(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    for average in ("token", "sequence"):
        trainer = make(
            tiny_settings,
            tmp_path / average,
            "method.update_subset=2",
            f"method.loss_average={average}",
            scores=[NAN] * 12,
        )
        loss, grad = step(trainer, roll_out(trainer))
        assert loss == 0
        assert not grad.any()
        assert trainer._metrics["train"]["advantage/mean_size"] == [0]


def test_the_estimate_counts_the_update_of_the_subset_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimate, "_matrix_rate", lambda *_, **__: 1e9)
    size = PolicySize(
        num_parameters=10**6,
        hidden_size=32,
        num_layers=2,
        vocab_size=320,
        key_width=16,
        bytes_per_weight=4,
    )
    work = estimate.Workload(
        prompt_tokens=40, response_tokens=8, answer_tokens=8, num_heldout=0, num_steps=1
    )
    whole, half, quarter = (
        estimate.estimate(
            load_config(overrides=[f"method.update_subset={subset}"]), size, work, device="cpu"
        )
        for subset in (8, 4, 2)
    )
    # The rollout stays as it is.
    update = whole.step_seconds - half.step_seconds
    assert update > 0
    assert half.step_seconds - quarter.step_seconds == pytest.approx(update / 2)
    assert whole == estimate.estimate(load_config(), size, work, device="cpu")
