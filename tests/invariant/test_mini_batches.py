"""A rollout that is learnt from in mini-batches: each is a clipped update on other prompts, against the policy that wrote the rollout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import load_config
from rlsr.engines.trl.mini_batches import _interleaved, mini_batches, rows_of_mini_batch
from rlsr.engines.trl.reward_function import RewardFunction
from rlsr.engines.trl.step import OLD_LOG_PROBS
from rlsr.engines.trl.trainer import RolloutTrainer
from trainers import FixedReward, gradient, roll_out, trainer_of_config

SCORES = [0.1, 0.4, 0.9, 0.2, 0.5, 0.3, 0.8, 0.7]
RATE = 0.3
CLIP = 0.02
KL = 0.3
SIZE = 4


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_groups_are_dealt_out_whole_and_alike_for_any_number_of_processes(
    count: int, each: int, size: int, processes: int
) -> None:
    num_rows = count * each * size * processes
    whole = [
        rows_of_mini_batch(number, count, num_rows=num_rows, num_generations=size)
        for number in range(count)
    ]
    assert sorted(row for part in whole for row in part) == list(range(num_rows))
    assert all({row // size * size for row in part} <= set(part) for part in whole)
    assert len({len(part) for part in whole}) == 1
    assert _interleaved(whole, size) == list(range(num_rows)), "the order is found again"
    own = num_rows // processes
    for number, part in enumerate(whole):
        mine = rows_of_mini_batch(number, count, num_rows=own, num_generations=size)
        assert part == [start * own + row for start in range(processes) for row in mine]


def make(settings: list[str], path: Path, *extra: str) -> RolloutTrainer:
    more = [f"method.kl_coefficient={KL}", f"method.clip={CLIP}", *extra]
    trainer: RolloutTrainer = trainer_of_config(
        load_config(overrides=[*settings, *more]),
        path,
        tokens_per_pass=60,
        reward=FixedReward(SCORES),
    )
    trainer.eos_token_ids = list(range(0, 320, 6))
    # Adam's first step follows the sign of the gradient: where that is near 0 rounding decides.
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=RATE)
    trainer.current_gradient_accumulation_steps = 1
    return trainer


def log_probs_of(model: Any, batch: dict[str, Any], row: int) -> torch.Tensor:
    prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
    response = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
    length = len(response)
    logits = model(input_ids=torch.cat([prompt, response])[None]).logits[0, -length - 1 : -1]
    return torch.log_softmax(logits, -1)[torch.arange(length), response]


def loss_by_hand(
    model: Any, batch: dict[str, Any], old: list[torch.Tensor], rows: range, average: str
) -> torch.Tensor:
    """GRPO on some responses written out: the lesser of the plain and the clipped term, and the KL term times the ratio."""
    terms = []
    for row in rows:
        now = log_probs_of(model, batch, row)
        ratio = (now - old[row]).exp()
        advantage = batch["advantages"][row]
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage)
        difference = batch["ref_per_token_logps"][row][: len(now)] - now
        terms.append(KL * (difference.exp() - difference - 1) * ratio - gain)
    if average == "token":
        return torch.cat(terms).mean()
    return torch.stack([term.mean() for term in terms]).mean()


@pytest.mark.parametrize(("average", "epochs"), [("token", 1), ("sequence", 1), ("token", 2)])
def test_each_mini_batch_is_an_update_by_hand(
    tiny_settings: list[str], tmp_path: Path, average: str, epochs: int
) -> None:
    more = [f"method.loss_average={average}", f"method.updates_per_rollout={epochs}"]
    ours = make(tiny_settings, tmp_path / "ours", "method.prompts_per_update=1", *more)
    loss = ours.compute_loss(ours.model, shuffled(roll_out(ours))).detach()

    by_hand = make(tiny_settings, tmp_path / "hand", *more[:1])
    batch, model = roll_out(by_hand), by_hand.model
    old = [log_probs_of(model, batch, row).detach() for row in range(len(SCORES))]
    losses = []
    for place in range(2 * epochs):
        if place:
            torch.nn.utils.clip_grad_norm_(model.parameters(), by_hand.args.max_grad_norm)
            by_hand.optimizer.step()
            model.zero_grad()
        first = SIZE * (place % 2)
        losses.append(loss_by_hand(model, batch, old, range(first, first + SIZE), average))
        losses[-1].backward()

    moved = torch.cat([log_probs_of(model, batch, row) - one for row, one in enumerate(old)]).exp()
    assert ((moved - 1).abs() > CLIP).any(), "the clip has to take part"
    torch.testing.assert_close(loss, torch.stack(losses[-2:]).mean().detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient(ours), gradient(by_hand), rtol=1e-3, atol=1e-6)
    for weight, expected in zip(ours.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-4, atol=1e-6)


def shuffled(batch: dict[str, Any]) -> dict[str, Any]:
    """Put responses into another order, as TRL does before the update."""
    order = [5, 2, 7, 0, 3, 6, 1, 4]
    return {
        name: [value[row] for row in order]
        if isinstance(value, list)
        else value[order]
        if isinstance(value, torch.Tensor) and value.ndim
        else value
        for name, value in batch.items()
    }


def test_logs_and_samples_read_the_whole_rollout(
    tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reward says this of references, however many it is asked about.
    monkeypatch.setattr(
        RewardFunction, "reference_rewards", lambda _, records: np.full(len(records), 0.6)
    )
    sgrpo = "method={type: sgrpo, label_in_group: true, prefix_ratios: [0, 0, 0.5, 1]}"
    trainer = make(tiny_settings, tmp_path / "parts", sgrpo, "method.prompts_per_update=1")
    whole = make(tiny_settings, tmp_path / "whole", sgrpo)
    batch = roll_out(trainer)
    roll_out(whole)
    assert trainer.step is not None
    assert whole.step is not None
    assert trainer.sample_rows(2) == whole.sample_rows(2)
    assert trainer.step.metrics == pytest.approx(whole.step.metrics)
    parts = mini_batches(batch)
    assert sum(int(part["num_items_in_batch"]) for part in parts) == whole.step.num_tokens
    assert [len(part["step"][0].references.responses) for part in parts] == [1, 1]


def test_a_step_counts_the_tokens_of_all_its_updates(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(
        tiny_settings, tmp_path, "method.prompts_per_update=1", "method.updates_per_rollout=2"
    )
    batch = roll_out(trainer)
    trainer.compute_loss(trainer.model, batch)
    assert trainer.num_trained_tokens == 2 * int(batch["completion_mask"].sum())


def test_labels_are_averaged_over_their_mini_batch(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path,
        "method={type: sgrpo, label_weight: 1}",
        "method.prompts_per_update=1",
    )
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=0.0)
    trainer.compute_loss(trainer.model, roll_out(trainer))
    assert trainer.step is not None
    read = [part["step"][0].references for part in mini_batches(roll_out(trainer))]
    expected = []
    for references in read:
        (prompt,), (tokens,) = references.prompts, references.responses
        logits = trainer.model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0]
        scores = torch.log_softmax(logits[-len(tokens) - 1 : -1], -1)
        expected.append(-scores[torch.arange(len(tokens)), tokens].mean().item())
    assert trainer._metrics["train"]["optim/label_nll"] == pytest.approx(expected, rel=1e-4)


def test_nobody_is_asked_about_the_first_mini_batch_before_it_is_learnt_from(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(tiny_settings, tmp_path, "method.prompts_per_update=1")
    batch = roll_out(trainer)
    assert [bool(row.any()) for row in batch[OLD_LOG_PROBS]] == [False] * SIZE + [True] * SIZE
    first, second = mini_batches(shuffled(batch))
    assert OLD_LOG_PROBS not in first, "its ratios are 1"
    assert second[OLD_LOG_PROBS].all(dim=1).any()
