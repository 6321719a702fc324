"""Reward models: TRL's own loss, the formula by hand, passes of any size, resume, and what is saved."""

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference

from rlsr.config import load_config
from rlsr.data import load_dataset
from rlsr.engines import SilentObserver
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import StepCut
from rlsr.engines.step_log import StepLog
from rlsr.engines.trl.reward_model import RewardModelTrainer
from rlsr.engines.trl.train import make_trainer
from rlsr.models.classifiers import load_scorer, save_classifier
from rlsr.models.scoring import score_pairs
from rlsr.rewards import open_reward
from rlsr.runs import RunDirectory
from tiny import WORDS, Cli

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
    """A run of a reward model on the tiny policy."""
    shared = [setting for setting in tiny_settings if not setting.startswith("method.")]
    return [
        *shared,
        "method=reward_model",
        "method.max_response_tokens=12",
        f"data.path={pair_data}",
        "training.learning_rate=0.003",
    ]


def make(settings: list[str], path: Path, *extra: str) -> RewardModelTrainer:
    """Make a trainer on the tiny policy, a batch of five pairs for it."""
    config = load_config(overrides=[*settings, f"training.prompts_per_step={NUM_PAIRS}", *extra])
    job = TrainingJob(
        config=config,
        records=load_dataset(config.data).train,
        reward=open_reward(config, "cpu", keep=False),
        run=RunDirectory.create(path, config),
        device="cpu",
        num_steps=3,
        cut=StepCut(config.training.tokens_per_pass or 1000),
    )
    scorer = load_scorer(config.model, "cpu")
    trainer = make_trainer(job, scorer, StepLog(job, SilentObserver()))
    assert isinstance(trainer, RewardModelTrainer)
    return trainer


def move(trainer: Any) -> None:
    """Move the trained weights away from where they begin, where all scores are 0."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in trained(trainer):
            weight.add_(0.05 * torch.randn_like(weight))


def batch_of(trainer: Any) -> dict[str, torch.Tensor]:
    batch: dict[str, torch.Tensor] = next(iter(trainer.get_train_dataloader()))
    return batch


def rows_of(trainer: Any) -> list[dict[str, Any]]:
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
    assert list(inspect.signature(getattr(RewardTrainer, name)).parameters) == parameters, (
        f"TRL changed {name}; read RewardModelTrainer.{name} again"
    )


@LORA
def test_loss_gradient_and_metrics_are_those_of_trl(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    extra = (f"model.lora={lora}", "method.centering=0.3", "training.tokens_per_pass=60")
    trainer = make(settings, tmp_path / "run", *extra)
    move(trainer)
    loss, gradient = our_gradient(trainer, batch_of(trainer))
    ours = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    trainer.model.zero_grad()
    trainer._metrics["train"].clear()
    collate = DataCollatorForPreference(trainer.processing_class.pad_token_id)
    theirs = RewardTrainer.compute_loss(trainer, trainer.model, collate(rows_of(trainer)))
    theirs.backward()
    torch.testing.assert_close(loss, theirs.detach(), rtol=1e-6, atol=1e-6)
    for mine, weight in zip(gradient, trained(trainer), strict=True):
        torch.testing.assert_close(mine, weight.grad, rtol=1e-4, atol=1e-6)
    logged = trainer._metrics["train"]
    for name in ("accuracy", "margin"):
        assert ours[f"preference/{name}"] == pytest.approx(logged[name][-1], rel=1e-4)
    assert max(float(weight.abs().max()) for weight in gradient) > 1e-3


def test_loss_is_the_formula(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run")
    move(trainer)
    loss, _ = our_gradient(trainer, batch_of(trainer))
    model = trainer.model.eval()

    def score(ids: list[int]) -> float:
        # By the head, at the last position, without any padding.
        hidden = model.model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
        return float(model.score(hidden))

    with torch.no_grad():
        margins = [
            score(row["chosen_ids"]) - score(row["rejected_ids"]) for row in rows_of(trainer)
        ]
    assert float(loss) == pytest.approx(np.log1p(np.exp(-np.array(margins))).mean(), rel=1e-5)


@LORA
def test_passes_of_any_size_and_gradient_checkpointing_give_one_gradient(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    results = []
    for checkpointing in ("false", "true"):
        extra = (f"model.lora={lora}", f"training.gradient_checkpointing={checkpointing}")
        trainer = make(settings, tmp_path / checkpointing, *extra)
        move(trainer)
        batch = batch_of(trainer)
        for tokens_per_pass in (1, 150, 10_000):
            trainer._tokens_per_pass = tokens_per_pass
            loss, gradient = our_gradient(trainer, batch)
            results.append((loss, torch.cat([weight.flatten() for weight in gradient])))
    assert results[0][1].abs().max() > 1e-3
    for loss, gradient in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(gradient, results[0][1], rtol=1e-4, atol=1e-6)


@LORA
def test_a_scorer_starts_without_a_preference(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    trainer = make(settings, tmp_path / "run", f"model.lora={lora}")
    loss, _ = our_gradient(trainer, batch_of(trainer))
    metrics = {name: values[-1] for name, values in trainer._metrics["train"].items()}
    assert float(loss) == pytest.approx(0.6931472, abs=1e-6)
    names = ("accuracy", "margin", "chosen", "rejected")
    assert metrics == dict(
        zip((f"preference/{name}" for name in names), (0.5, 0, 0, 0), strict=True)
    )
    heads = [
        name
        for name, weight in trainer.model.named_parameters()
        if weight.requires_grad and "score" in name
    ]
    assert heads, "the head is trained"


def test_pairs_are_whole_conversations_cut_at_the_longest_answer(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path / "run", "method.max_response_tokens=4")
    tokenizer = trainer.processing_class
    records = load_dataset(load_config(overrides=settings).data).train
    cut = []
    for record, row in zip(records, trainer.train_dataset, strict=True):
        asked = [{"role": turn.role, "content": turn.content} for turn in record.messages]
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
        limit = len(tokenizer(prompt)["input_ids"]) + 4
        for found, text in (
            (row["chosen_ids"], record.reference),
            (row["rejected_ids"], record.rejected),
        ):
            turns = [*asked, {"role": "assistant", "content": text}]
            whole = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False))["input_ids"]
            assert found == whole[:limit]
            cut.append(len(whole) > limit)
    assert any(cut)
    assert not all(cut)


@LORA
def test_what_is_saved_scores_in_plain_transformers_as_it_did(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    trainer = make(settings, tmp_path / "run", f"model.lora={lora}")
    move(trainer)
    config = load_config(overrides=settings)
    records = load_dataset(config.data).train
    scorer = load_scorer(config.model, "cpu")
    object.__setattr__(scorer, "model", trainer.model)
    expected = score_pairs(scorer, records, max_response_tokens=12, tokens_per_pass=100)
    save_classifier(scorer, tmp_path / "final")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "final")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "final")
    assert plain.config.num_labels == 1
    for record, pair in zip(records, expected, strict=True):
        for text, score in zip((record.reference, record.rejected), pair, strict=True):
            turns = [
                *({"role": turn.role, "content": turn.content} for turn in record.messages),
                {"role": "assistant", "content": text},
            ]
            ids = tokenizer(
                tokenizer.apply_chat_template(turns, tokenize=False), return_tensors="pt"
            )
            with torch.no_grad():
                found = plain(**ids).logits
            assert float(found) == pytest.approx(score, rel=1e-4, abs=1e-5)
    assert len({score for pair in expected for score in pair}) > 4


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
    place = Path("final") / "model.safetensors"
    assert (broken / place).read_bytes() == (whole / place).read_bytes()
    run = RunDirectory(broken)
    names = {change["name"] for change in run.read_manifest()["heldout"]}
    assert names == {"pair_accuracy", "pair_margin", "pair_loss"}
    assert run.preferences_file.exists() == (rejected == "worst_sample")


def _numbers(path: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in row.items() if not name.startswith(TIMES)}
        for row in RunDirectory(path).read_metrics()
    ]
