"""IFT: the loss and the gradient of mixed inputs, written out for one reference at a time, whatever way the passes take."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rlsr.engines.trl.supervised import SupervisedTrainer
from rlsr.methods.ift import relation_weights
from supervised_runs import batch_of, gradient_of, make, move


def loss_by_hand(
    model: Any, batch: dict[str, torch.Tensor], *, residual: float, discount: float
) -> torch.Tensor:
    """The mean over all tokens; the weights have their gradient."""
    total = torch.zeros(())
    embed = model.get_input_embeddings()
    for row in range(len(batch["prompt_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        response = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
        ids = torch.cat([prompt, response])
        with torch.no_grad():
            predicted = model(input_ids=ids[None]).logits[0].argmax(dim=-1)
        own = ids.clone()
        own[len(prompt) :] = predicted[len(prompt) - 1 : -1]
        mixed = (1 - residual) * embed(ids) + residual * embed(own)
        logits = model(inputs_embeds=mixed[None]).logits[0, len(prompt) - 1 : -1]
        losses = -logits.log_softmax(-1).gather(1, response[:, None]).squeeze(1)
        is_token = torch.ones(1, len(response), dtype=torch.bool)
        weights = relation_weights(losses[None], is_token, discount)[0]
        total = total + (weights * losses).sum()
    return total / batch["completion_mask"].sum()


def assert_gradient(trainer: SupervisedTrainer, gradient: list[torch.Tensor]) -> None:
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    for mine, weight in zip(gradient, trained, strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize(("residual", "discount"), [(0.2, 0.95), (0.7, 0.0), (0.0, 1.0)])
def test_loss_and_gradient_are_the_formula(
    tiny_settings: list[str], tmp_path: Path, residual: float, discount: float, lora: str
) -> None:
    trainer = make(
        tiny_settings, tmp_path / "run", f"{{type: ift, residual: {residual}, discount: {discount}}}",
        f"model.lora={lora}", "training.prompts_per_step=4",
    )  # fmt: skip
    move(trainer)
    batch = batch_of(trainer)
    results = []
    for by_groups in (True, False):
        for tokens_per_pass in (1, 70, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            results.append(gradient_of(trainer, batch))
    trainer.model.zero_grad()
    expected = loss_by_hand(trainer.model, batch, residual=residual, discount=discount)
    expected.backward()
    for loss, gradient in results:
        assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
        assert_gradient(trainer, gradient)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_without_residual_and_discount_it_is_sft_to_the_bit(
    tiny_settings: list[str], tmp_path: Path, passes: str, checkpointing: bool
) -> None:
    found = []
    for method in ("sft", "{type: ift, residual: 0, discount: 0}"):
        trainer = make(
            tiny_settings, tmp_path / method[:4], method, f"engine.passes={passes}",
            f"training.gradient_checkpointing={str(checkpointing).lower()}",
        )  # fmt: skip
        found.append(gradient_of(trainer, batch_of(trainer)))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(one, other) for one, other in zip(found[0][1], found[1][1], strict=True))


def test_checkpointing_changes_nothing(tiny_settings: list[str], tmp_path: Path) -> None:
    found = []
    for checkpointing in ("false", "true"):
        trainer = make(
            tiny_settings, tmp_path / checkpointing, "{type: ift, residual: 0.5}", "model.lora={rank: 4}",
            f"training.gradient_checkpointing={checkpointing}",
        )  # fmt: skip
        move(trainer)
        found.append(gradient_of(trainer, batch_of(trainer)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_the_policy_is_left_as_it_was(tiny_settings: list[str], tmp_path: Path) -> None:
    trainer = make(tiny_settings, tmp_path / "run", "ift")
    batch = batch_of(trainer)
    gradient_of(trainer, batch)
    assert not trainer.model.get_input_embeddings()._forward_hooks
