"""Preference training: TRL's own loss, the formula by hand, whatever way the passes take, and resume."""

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from rlsr.config import load_config
from rlsr.data import load_dataset
from rlsr.engines.trl.preference import PreferenceTrainer
from rlsr.engines.trl.starting_point import REFERENCE
from rlsr.models import load_policy, prompt_ids
from rlsr.runs import RunDirectory
from tiny import WORDS, Cli
from trainers import trainer_of_config

TIMES = ("time/", "tokens/per_second", "memory/")
NUM_PAIRS = 5
LORA = pytest.mark.parametrize("lora", ["null", "{rank: 4}"])


@pytest.fixture(scope="module")
def pair_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs of unlike lengths, four of them held out."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    rows = [
        {
            "prompt": f"Tell me about the {' '.join(WORDS[place : place + 1 + place % 3])}",
            "chosen": " ".join(WORDS[place : place + 2 + place % 4]),
            "rejected": " ".join(WORDS[-1 - place : -5 - place : -1]),
            "split": "heldout" if place % 3 == 0 else "train",
        }
        for place in range(12)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str], pair_data: Path) -> list[str]:
    """A preference run on the tiny policy."""
    shared = [setting for setting in tiny_settings if not setting.startswith("method.")]
    return [
        *shared,
        "method=dpo",
        "method.num_generations=3",
        "method.max_response_tokens=12",
        f"data.path={pair_data}",
        "training.learning_rate=0.003",
    ]


def make(settings: list[str], path: Path, *extra: str) -> PreferenceTrainer:
    """Make a trainer on the tiny policy, a batch of five pairs for it."""
    config = load_config(overrides=[*settings, f"training.prompts_per_step={NUM_PAIRS}", *extra])
    trainer = trainer_of_config(
        config, path, tokens_per_pass=config.training.tokens_per_pass or 1000
    )
    assert isinstance(trainer, PreferenceTrainer)
    return trainer


def move(trainer: Any) -> None:
    """Move the trained weights away from the policy before training."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn_like(weight))


def batch_of(trainer: Any) -> dict[str, torch.Tensor]:
    batch: dict[str, torch.Tensor] = next(iter(trainer.get_train_dataloader()))
    return batch


def rows_of(trainer: Any) -> list[dict[str, list[int]]]:
    """The rows of the first batch."""
    numbers = list(trainer._get_train_sampler())[:NUM_PAIRS]
    return [trainer.train_dataset[number] for number in numbers]


def trained(trainer: Any) -> list[torch.Tensor]:
    return [weight for weight in trainer.model.parameters() if weight.requires_grad]


def our_gradient(trainer: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    trainer.model.zero_grad()
    trainer.model.train()
    trainer._metrics["train"].clear()
    loss = trainer.compute_loss(trainer.model, batch)
    return loss.detach(), [weight.grad.clone() for weight in trained(trainer)]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("compute_loss", ["self", "model", "inputs", "return_outputs", "num_items_in_batch"]),
        ("_prepare_dataset", ["self", "dataset", "processing_class", "args", "dataset_name"]),
    ],
)
def test_trl_has_the_methods_that_are_overridden(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(DPOTrainer, name)).parameters) == parameters, (
        f"TRL changed {name}; read PreferenceTrainer.{name} again"
    )


@LORA
@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_loss_gradient_and_metrics_are_those_of_trl(
    settings: list[str], tmp_path: Path, passes: str, lora: str
) -> None:
    extra = (f"engine.passes={passes}", f"model.lora={lora}", "method.beta=0.3")
    trainer = make(settings, tmp_path / "run", *extra, "training.tokens_per_pass=60")
    assert trainer.by_groups == (passes == "grouped")
    move(trainer)
    loss, gradient = our_gradient(trainer, batch_of(trainer))
    ours = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    trainer.model.zero_grad()
    trainer._metrics["train"].clear()
    collate = DataCollatorForPreference(trainer.processing_class.pad_token_id)
    theirs = DPOTrainer.compute_loss(trainer, trainer.model, collate(rows_of(trainer)))
    theirs.backward()
    torch.testing.assert_close(loss, theirs.detach(), rtol=1e-6, atol=1e-6)
    for mine, weight in zip(gradient, trained(trainer), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-4, atol=1e-6)
    logged = trainer._metrics["train"]
    for name, other in {
        "accuracy": "accuracies",
        "margin": "margins",
        "chosen": "chosen",
        "rejected": "rejected",
    }.items():
        assert ours[f"preference/{name}"] == pytest.approx(logged[f"rewards/{other}"][-1], rel=1e-4)
    assert max(float(weight.abs().max()) for weight in gradient) > 1e-3


@LORA
def test_loss_and_gradient_are_the_formula(settings: list[str], tmp_path: Path, lora: str) -> None:
    trainer = make(settings, tmp_path / "run", f"model.lora={lora}", "method.beta=0.3")
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model
    move(trainer)
    loss, gradient = our_gradient(trainer, batch_of(trainer))
    trainer.model.zero_grad()
    losses = []
    for row in rows_of(trainer):
        ratio = [
            _log_prob(trainer.model, row["prompt_ids"], row[answer])
            - _log_prob(untouched, row["prompt_ids"], row[answer]).detach()
            for answer in ("chosen_ids", "rejected_ids")
        ]
        losses.append(torch.log1p(torch.exp(-0.3 * (ratio[0] - ratio[1]))))
    expected = torch.stack(losses).mean()
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
    for mine, weight in zip(gradient, trained(trainer), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-3, atol=1e-6)


def _log_prob(model: Any, prompt: list[int], response: list[int]) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits, -1)[torch.arange(len(response)), torch.tensor(response)].sum()


@LORA
def test_passes_of_any_size_and_gradient_checkpointing_give_one_gradient(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    results = []
    for checkpointing in ("false", "true"):
        trainer = make(
            settings,
            tmp_path / checkpointing,
            f"model.lora={lora}",
            f"training.gradient_checkpointing={checkpointing}",
        )
        move(trainer)
        batch = batch_of(trainer)
        for by_groups in (True, False):
            for tokens_per_pass in (1, 70, 10_000):
                trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
                loss, gradient = our_gradient(trainer, batch)
                results.append((loss, torch.cat([weight.flatten() for weight in gradient])))
    assert results[0][1].abs().max() > 1e-3
    for loss, gradient in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(gradient, results[0][1], rtol=1e-4, atol=1e-6)


def test_a_step_that_holds_a_pair_twice_counts_it_twice(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path / "run")
    move(trainer)
    rows = rows_of(trainer)[:2]
    once, gradient = our_gradient(trainer, trainer.data_collator(rows))
    twice, same_gradient = our_gradient(trainer, trainer.data_collator([*rows, *rows]))
    torch.testing.assert_close(twice, once, rtol=1e-6, atol=1e-7)
    for mine, other in zip(same_gradient, gradient, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-7)


def test_the_policy_starts_without_a_preference(settings: list[str], tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        trainer = make(settings, tmp_path / dtype, f"model.dtype={dtype}")
        loss, _ = our_gradient(trainer, batch_of(trainer))
        metrics = {name: values[-1] for name, values in trainer._metrics["train"].items()}
        assert float(loss) == pytest.approx(0.6931472, abs=1e-6)
        # Both are rounded alike, so that not even bfloat16 makes up a preference.
        assert metrics == dict.fromkeys(metrics, 0.0)
        assert set(metrics) == {
            f"preference/{name}" for name in ("accuracy", "margin", "chosen", "rejected")
        }


def test_pairs_are_encoded_as_the_policy_is_asked(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run", "method.max_response_tokens=4")
    tokenizer = trainer.processing_class
    records = load_dataset(load_config(overrides=settings).data).train
    cut = []
    for record, row in zip(records, trainer.train_dataset, strict=True):
        assert row["prompt_ids"] == prompt_ids(tokenizer, record.messages)
        for answer, text in (
            (row["chosen_ids"], record.reference),
            (row["rejected_ids"], record.rejected),
        ):
            whole = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
            assert answer == whole[:4]
            cut.append(len(whole) > 4)
    assert any(cut)
    assert not all(cut)


def test_the_loss_carries_no_second_gradient(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run")
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, batch_of(trainer))
    before = [weight.grad.clone() for weight in trained(trainer)]
    loss.backward()
    for weight, gradient in zip(trained(trainer), before, strict=True):
        assert torch.equal(weight.grad, gradient)


def test_the_reference_policy_stays(settings: list[str], tmp_path: Path) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model
    trainer = make(settings, tmp_path / "full")
    trainer.train()
    for (name, mine), other in zip(
        trainer.ref_model.named_parameters(), untouched.parameters(), strict=True
    ):
        assert torch.equal(mine, other), f"{name} of the reference policy was trained"
    adapters = make(settings, tmp_path / "lora", "model.lora={rank: 4}")
    assert adapters.ref_model is None
    assert REFERENCE not in adapters.model.peft_config, "it would be saved with the policy"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adapters_that_were_trained_before_are_the_reference_policy(
    settings: list[str], tmp_path: Path, dtype: str
) -> None:
    first = make(settings, tmp_path / "first", "model.lora={rank: 4}", f"model.dtype={dtype}")
    move(first)
    first.model.save_pretrained(tmp_path / "adapters")
    first.processing_class.save_pretrained(tmp_path / "adapters")
    second = make(
        settings, tmp_path / "second", f"model={tmp_path / 'adapters'}", "model.lora={rank: 4}",
        f"model.dtype={dtype}",
    )  # fmt: skip
    batch = batch_of(second)
    loss, _ = our_gradient(second, batch)
    assert float(loss) == pytest.approx(0.6931472, abs=1e-6)
    names = {name for name, weight in second.model.named_parameters() if weight.requires_grad}
    assert names
    assert not any(f".{REFERENCE}." in name for name in names)
    move(second)
    moved, _ = our_gradient(second, batch)
    assert abs(float(moved) - 0.6931472) > 1e-3


@pytest.mark.parametrize(
    ("dtype", "lora", "rejected"),
    [
        ("float32", "null", "data"),
        pytest.param("bfloat16", "{rank: 4}", "worst_sample", marks=pytest.mark.slow),
    ],
)
def test_resume_equals_no_resume(
    cli: Cli, settings: list[str], tmp_path: Path, dtype: str, lora: str, rejected: str
) -> None:
    # 8 training prompts and 2 a step: five steps cross the border of an epoch.
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    result = cli(
        "train", *settings, f"model.dtype={dtype}", f"model.lora={lora}", f"method.rejected={rejected}",
        "training.steps=5", "training.keep_checkpoints=9", "--out", whole,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    shutil.copytree(whole, broken)
    shutil.rmtree(broken / "final")
    (broken / "manifest.json").unlink()
    (broken / "evaluation" / "after.jsonl").unlink()
    for checkpoint in (broken / "checkpoints").iterdir():
        if int(checkpoint.name.rpartition("-")[2]) > 2:
            shutil.rmtree(checkpoint)
    result = cli("train", "--resume", "--out", broken)
    assert result.returncode == 0, result.stderr
    assert _numbers(broken) == _numbers(whole)
    weights = "model.safetensors" if lora == "null" else "adapter_model.safetensors"
    assert (broken / "final" / weights).read_bytes() == (whole / "final" / weights).read_bytes()


def _numbers(path: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in row.items() if not name.startswith(TIMES)}
        for row in RunDirectory(path).read_metrics()
    ]
