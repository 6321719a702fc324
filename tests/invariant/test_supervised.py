"""Supervised training: TRL's own loss where it has one, the formula by hand where not, whatever way the passes take."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import SFTConfig, SFTTrainer

from rlsr.config import load_config
from rlsr.engines.trl.starting_point import REFERENCE
from rlsr.methods.token_weights import ReferenceTokens, token_weights
from rlsr.models import load_policy, response_ids
from supervised_runs import batch_of, gradient_of, make, move

METHODS = {
    "sft": "sft",
    "dft": "dft",
    "iw_sft": "{type: iw_sft}",
    "iw_sft by token": "{type: iw_sft, level: token}",
    "pear": "{type: pear}",
    "pear by block": "{type: pear, level: block, block_size: 2}",
}


def as_trl_reads_it(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same rows padded on the right, with labels, as TRL's collator makes them."""
    rows = []
    for row in range(len(batch["prompt_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        response = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
        rows.append((torch.cat([prompt, response]), len(prompt)))
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, (tokens, num_prompt) in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        labels[row, num_prompt : len(tokens)] = tokens[num_prompt:]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("compute_loss", ["self", "model", "inputs", "return_outputs", "num_items_in_batch"])],
)
def test_trl_has_the_methods_that_are_overridden(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(SFTTrainer, name)).parameters) == parameters, (
        f"TRL changed {name}; read SupervisedTrainer.{name} again"
    )


@pytest.mark.parametrize(("method", "loss_type"), [("sft", "nll"), ("dft", "dft")])
@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_loss_and_gradient_are_those_of_trl(
    tiny_settings: list[str], tmp_path: Path, method: str, loss_type: str, passes: str
) -> None:
    ours = make(
        tiny_settings, tmp_path / "run", method, f"engine.passes={passes}", "training.tokens_per_pass=60",
        "training.prompts_per_step=5",
    )  # fmt: skip
    batch = batch_of(ours)
    theirs = SFTTrainer(
        model=load_policy(load_config(overrides=tiny_settings).model, "cpu").model,
        args=SFTConfig(
            output_dir=str(tmp_path / "trl"), loss_type=loss_type, use_cpu=True, bf16=False,
            report_to=[], gradient_checkpointing=False,
        ),
        train_dataset=ours.train_dataset.map(
            lambda row: {"input_ids": [row["place"]], "labels": [row["place"]]}
        ),
        processing_class=ours.processing_class,
    )  # fmt: skip
    theirs.current_gradient_accumulation_steps = 1
    our_loss, our_gradient = gradient_of(ours, batch)
    their_loss, their_gradient = gradient_of(theirs, as_trl_reads_it(batch))
    assert our_loss == pytest.approx(their_loss, rel=1e-6)
    for mine, other in zip(our_gradient, their_gradient, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize("name", METHODS)
def test_loss_and_gradient_are_the_formula(
    tiny_settings: list[str], tmp_path: Path, name: str, lora: str
) -> None:
    ours = make(
        tiny_settings, tmp_path / "run", METHODS[name], f"model.lora={lora}", "training.prompts_per_step=4",
        "training.tokens_per_pass=70",
    )  # fmt: skip
    untouched = load_policy(load_config(overrides=tiny_settings).model, "cpu").model
    move(ours)
    batch = batch_of(ours)
    loss, gradient = gradient_of(ours, batch)
    ours.model.zero_grad()
    total = torch.zeros(())
    num_tokens = int(batch["completion_mask"].sum())
    for row in range(len(batch["prompt_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        response = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
        now, before = (_log_probs(model, prompt, response) for model in (ours.model, untouched))
        is_token = torch.ones(1, len(response), dtype=torch.bool)
        weights = token_weights(
            ours._method, ReferenceTokens(now.detach()[None], before.detach()[None], is_token)
        )
        total = total - (weights[0] * now).sum() / num_tokens
    total.backward()
    assert loss == pytest.approx(float(total.detach()), rel=1e-5)
    trained = [weight for weight in ours.model.parameters() if weight.requires_grad]
    for mine, weight in zip(gradient, trained, strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-4, atol=1e-6)


def _log_probs(model: Any, prompt: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    logits = model(input_ids=torch.cat([prompt, response])[None]).logits[0, len(prompt) - 1 : -1]
    return logits.float().log_softmax(-1).gather(1, response[:, None]).squeeze(1)


def test_adapters_that_were_trained_before_are_the_reference(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    first = make(tiny_settings, tmp_path / "first", "sft", "model.lora={rank: 4}")
    move(first)
    first.model.save_pretrained(tmp_path / "adapters")
    first.processing_class.save_pretrained(tmp_path / "adapters")
    second = make(
        tiny_settings, tmp_path / "second", "{type: pear, discount: 1}",
        f"model={tmp_path / 'adapters'}", "model.lora={rank: 4}",
    )  # fmt: skip
    batch = batch_of(second)
    gradient_of(second, batch)
    assert second._metrics["train"]["optim/mean_weight"][-1] == pytest.approx(1, abs=1e-5)
    trained = {name for name, weight in second.model.named_parameters() if weight.requires_grad}
    assert trained
    assert not any(f".{REFERENCE}." in name for name in trained)
    move(second)
    gradient_of(second, batch)
    assert abs(second._metrics["train"]["optim/mean_weight"][-1] - 1) > 1e-4


def test_what_is_logged_is_the_mean_over_tokens(tiny_settings: list[str], tmp_path: Path) -> None:
    trainer = make(tiny_settings, tmp_path / "run", "dft")
    batch = batch_of(trainer)
    gradient_of(trainer, batch)
    plain = make(tiny_settings, tmp_path / "plain", "sft")
    nll, _ = gradient_of(plain, batch)
    logged = trainer._metrics["train"]
    assert logged["optim/nll"] == [pytest.approx(nll, rel=1e-5)]
    assert 0 < logged["optim/mean_weight"][0] < 1
    assert trainer.num_trained_tokens == int(batch["completion_mask"].sum())


@pytest.mark.parametrize(("method", "asks"), [("sft", False), ("pear", True)])
def test_the_reference_policy_has_a_phase_of_its_own(
    tiny_settings: list[str], tmp_path: Path, method: str, asks: bool
) -> None:
    trainer = make(tiny_settings, tmp_path / "run", method)
    gradient_of(trainer, batch_of(trainer))
    assert (trainer.phase_seconds.get("reference", 0.0) > 0) is asks


def test_references_end_unless_they_are_cut(tiny_settings: list[str], tmp_path: Path) -> None:
    tokenizer = load_policy(load_config(overrides=tiny_settings).model, "cpu").tokenizer
    whole = response_ids(tokenizer, "the cat sat", max_response_tokens=100)
    assert whole[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(whole[:-1]) == "the cat sat"
    assert response_ids(tokenizer, "the cat sat", max_response_tokens=len(whole) - 1) == whole[:-1]
