"""What our overrides assume of TRL. When one of these fails after an upgrade, the override beside it must be read again."""

import copy
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trl import GRPOTrainer
from trl.trainer.utils import use_adapter

from families import SUPPORTED, make_policy, save_with_tokenizer
from rlsr.config import load_config
from rlsr.engines.trl.grpo_loss import OnePass
from rlsr.engines.trl.padded import read_responses, rollout_responses
from rlsr.engines.trl.rollout_writer import samples_otherwise
from rlsr.engines.trl.step import STEP
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.engines.trl.trainers import trainer_of
from rlsr.forward.generation import generate_groups
from rlsr.methods import group_advantages
from rlsr.models import prompt_ids
from trainers import trainer_of_config


def make(settings: list[str], path: Path, *extra: str) -> RolloutTrainer:
    """Make a trainer on the tiny policy."""
    config = load_config(overrides=[*settings, *extra])
    trainer = trainer_of_config(config, path, tokens_per_pass=150)
    assert isinstance(trainer, RolloutTrainer)
    return trainer


@pytest.fixture
def trainer(tiny_settings: list[str], tmp_path: Path) -> RolloutTrainer:
    return make(tiny_settings, tmp_path / "run")


@pytest.fixture
def rollout(trainer: RolloutTrainer) -> dict[str, Any]:
    """The batch that TRL would train on, before it is shuffled and split."""
    trainer.model.train()
    batch: dict[str, Any] = trainer._generate_and_score_completions(
        next(iter(trainer.get_train_dataloader()))
    )
    return batch


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_get_train_sampler", ["self", "dataset"]),
        ("_generate_and_score_completions", ["self", "inputs"]),
        ("compute_loss", ["self", "model", "inputs", "return_outputs", "num_items_in_batch"]),
        (
            "_get_per_token_logps_and_entropies",
            ["self", "model", "input_ids", "attention_mask", "logits_to_keep"],
        ),
        ("create_scheduler", ["self", "num_training_steps", "optimizer"]),
        ("create_model_card", ["self"]),
        ("_clip_grad_norm", ["self", "model"]),
        ("_save_checkpoint", ["self", "model", "trial"]),
        ("_load_from_checkpoint", ["self", "resume_from_checkpoint", "model"]),
        # These are called.
        (
            "_generate_single_turn",
            ["self", "prompt_ids", "images", "multimodal_fields", "num_generations"],
        ),
        ("_tokenize_prompts", ["self", "prompts"]),
        ("_compute_loss", ["self", "model", "inputs"]),
    ],
)
def test_trl_has_the_methods_that_are_overridden_and_called(
    name: str, parameters: list[str]
) -> None:
    found = list(inspect.signature(getattr(GRPOTrainer, name)).parameters)
    assert found[: len(parameters)] == parameters, (
        f"TRL changed {name}; read RolloutTrainer.{name} again"
    )


def test_trl_takes_the_rollout_functions_responses_and_asks_no_reference_policy(
    trainer: RolloutTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def write(prompts: list[Any], of: Any) -> dict[str, Any]:
        assert of is trainer
        asked.extend(prompts)
        return {"prompt_ids": [[5]] * 8, "completion_ids": [[7, 8]] * 8, "logprobs": None}

    rows = next(iter(trainer.get_train_dataloader()))
    monkeypatch.setattr(trainer, "rollout_func", write)
    trainer.model.train()
    batch = GRPOTrainer._generate_and_score_completions(trainer, rows)
    assert asked == [row["prompt"] for row in rows]
    assert batch["prompt_ids"].tolist() == [[5]] * 8
    assert batch["completion_ids"].tolist() == [[7, 8]] * 8
    assert "tool_mask" not in batch
    assert "ref_per_token_logps" not in batch


def test_the_step_reaches_the_update_in_the_batch(trainer: RolloutTrainer) -> None:
    trainer.model.train()
    batch = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    assert len(batch[STEP]) == len(batch["completion_ids"]) == 8
    assert all(step is trainer.step for step in batch[STEP])


def test_trls_loss_asks_a_pass_for_its_scores_and_leaves_the_trainer_alone(
    trainer: RolloutTrainer, rollout: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rollout_responses(rollout)
    with torch.no_grad():
        scores = trainer._score_responses(trainer.model, rows, with_entropy=True)
    trainer._metrics["train"].clear()
    one_pass = OnePass(trainer, scores, kl_coefficient=0.1, num_passes=3, is_last=True)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("processes with other numbers of passes would not answer")

    for name in ("gather", "gather_for_metrics", "reduce", "pad_across_processes"):
        monkeypatch.setattr(trainer.accelerator, name, fail)
    loss = GRPOTrainer._compute_loss(one_pass, None, rollout)
    assert torch.isfinite(loss)
    found = one_pass._metrics["train"]
    assert set(found) >= {"kl", "entropy"}
    assert all(len(values) == 1 for values in found.values())
    assert not trainer._metrics["train"]
    assert trainer.args.steps_per_generation == 1
    assert trainer.beta == 0
    one_pass.entropy_coef = 0.25
    assert trainer.entropy_coef == 0.25, "what TRL keeps from step to step is the trainer's"


def test_where_another_engine_samples_trl_gets_log_probs_of_every_column(
    trainer: RolloutTrainer, rollout: dict[str, Any]
) -> None:
    ids = torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1)
    mask = torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1)
    mask[:, -2:] = 0
    width = rollout["completion_ids"].size(1)
    arguments = (trainer.model, ids, mask, width)
    with torch.no_grad():
        theirs, _, _ = GRPOTrainer._get_per_token_logps_and_entropies(trainer, *arguments)
        for tokens_per_pass in (1, 40, 10_000):
            trainer._tokens_per_pass = tokens_per_pass
            ours, _, _ = trainer._get_per_token_logps_and_entropies(*arguments, batch_size=8)
            assert ours.shape == theirs.shape
            torch.testing.assert_close(ours[:, :-2], theirs[:, :-2], rtol=1e-5, atol=1e-5)


def test_plain_log_probs_equal_the_fused_ones_with_gradients(
    trainer: RolloutTrainer, rollout: dict[str, Any]
) -> None:
    ids = torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1)
    mask = torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1)
    mask[0, -3:] = 0
    results = []
    for by_trl in (False, True):
        trainer.model.zero_grad()
        if by_trl:
            log_probs, entropies, aux = GRPOTrainer._get_per_token_logps_and_entropies(
                trainer, trainer.model, ids, mask, rollout["completion_ids"].size(1), compute_entropy=True,
            )  # fmt: skip
        else:
            rows = read_responses(ids, mask, rollout["completion_ids"].size(1))
            log_probs, entropies, aux = trainer._score_responses(
                trainer.model, rows, with_entropy=True
            )
        assert entropies is not None
        (log_probs * torch.linspace(-1, 1, log_probs.numel()).view_as(log_probs)).sum().backward()
        gradients = [weight.grad.clone() for weight in trainer.model.parameters()]
        results.append((log_probs.detach(), entropies.detach(), gradients))
        assert aux is None
    (ours, our_entropy, our_gradients), (theirs, their_entropy, their_gradients) = results
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    # TRL leaves the entropy of masked positions undefined or 0; they are never averaged.
    scored = mask[:, -ours.size(1) :].bool()
    torch.testing.assert_close(our_entropy[scored], their_entropy[scored], rtol=1e-5, atol=1e-6)
    for mine, other in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_log_probs_are_those_of_a_forward_pass_by_hand(
    trainer: RolloutTrainer, rollout: dict[str, Any]
) -> None:
    prompt, response = rollout["prompt_ids"][1], rollout["completion_ids"][1]
    visible = rollout["prompt_mask"][1].bool()
    num_tokens = int(rollout["completion_mask"][1].sum())
    ids = torch.cat([prompt[visible], response[:num_tokens]])[None]
    with torch.no_grad():
        logits = trainer.model(input_ids=ids).logits[0, -num_tokens - 1 : -1]
        expected = torch.log_softmax(logits, -1)[torch.arange(num_tokens), response[:num_tokens]]
        ours, _, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1),
            torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1),
            rollout["completion_ids"].size(1),
        )
    torch.testing.assert_close(ours[1, :num_tokens], expected, rtol=1e-4, atol=1e-5)


def test_the_batch_carries_our_advantages(trainer: RolloutTrainer, rollout: dict[str, Any]) -> None:
    scores = trainer.reward_function.last.result.scores
    expected = group_advantages(scores, 4, trainer._method.advantage).advantages
    assert np.abs(expected).max() > 0, "a random policy writes different responses"
    np.testing.assert_allclose(rollout["advantages"].numpy(), expected, rtol=1e-6)


def test_rewards_compare_each_response_with_its_own_reference(
    trainer: RolloutTrainer, rollout: dict[str, Any]
) -> None:
    seen = trainer.reward_function.last
    texts = trainer.processing_class.batch_decode(
        [
            ids[mask.bool()]
            for ids, mask in zip(rollout["completion_ids"], rollout["completion_mask"], strict=True)
        ],
        skip_special_tokens=True,
    )
    assert list(seen.responses) == texts
    prompts = [prompt_ids(trainer.processing_class, record.messages) for record in seen.records]
    assert [
        ids[mask.bool()].tolist()
        for ids, mask in zip(rollout["prompt_ids"], rollout["prompt_mask"], strict=True)
    ] == prompts
    assert [record.id for record in seen.records[:4]] == [seen.records[0].id] * 4


def test_steps_are_on_policy(rollout: dict[str, Any]) -> None:
    assert "old_per_token_logps" not in rollout, "one rollout, one update: no old log-probabilities"
    assert "ref_per_token_logps" in rollout


def test_groups_without_signal_leave_the_loss_and_not_the_normaliser(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    # No spread reaches 2, so no group has signal.
    trainer = make(tiny_settings, tmp_path / "run", "method.advantage.min_std=2")
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    assert batch["completion_mask"].sum() == 0
    assert batch["num_items_in_batch"] > 0
    assert torch.equal(batch["advantages"], torch.zeros(8))
    assert step_loss(trainer, batch) == 0
    assert not gradient(trainer).any()


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_the_loss_and_its_gradient_are_those_of_the_formula(
    tiny_settings: list[str], tmp_path: Path, average: str
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        f"method.loss_average={average}",
        "method.kl_coefficient=0.3",
    )
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    # A policy that has moved away from the reference, so that the KL term counts.
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    loss = step_loss(trainer, batch)
    theirs = [weight.grad.clone() for weight in trainer.model.parameters()]
    trainer.model.zero_grad()
    expected = _loss_by_hand(trainer.model, batch, kl_coefficient=0.3, average=average)
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for mine, other in zip(theirs, trainer.model.parameters(), strict=True):
        torch.testing.assert_close(mine, other.grad, rtol=1e-3, atol=1e-6)


def _loss_by_hand(
    model: Any, batch: dict[str, Any], *, kl_coefficient: float, average: str
) -> torch.Tensor:
    """GRPO at an on-policy step, response by response: (-A + beta * k3) * pi / sg(pi), no padding involved."""
    per_response: list[torch.Tensor] = []
    num_tokens = 0
    for row in range(len(batch["advantages"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        response = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
        length = len(response)
        logits = model(input_ids=torch.cat([prompt, response])[None]).logits[0, -length - 1 : -1]
        log_probs = torch.log_softmax(logits, -1)[torch.arange(length), response]
        reference = batch["ref_per_token_logps"][row][:length]
        ratio = (log_probs - log_probs.detach()).exp()
        difference = reference - log_probs
        k3 = difference.exp() - difference - 1
        per_response.append(-batch["advantages"][row] * ratio + kl_coefficient * ratio * k3)
        num_tokens += length
    if average == "token":
        return torch.stack([tokens.sum() for tokens in per_response]).sum() / num_tokens
    return torch.stack([tokens.mean() for tokens in per_response]).mean()


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize("average", ["token", "sequence"])
def test_passes_by_groups_and_plain_ones_of_any_size_give_one_gradient(
    tiny_settings: list[str], tmp_path: Path, average: str, lora: str
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        f"model.lora={lora}",
        f"method.loss_average={average}",
        "method.kl_coefficient=0.3",
    )
    assert trainer.by_groups
    trainer.model.train()
    rollout = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    # Responses of unequal length, and one that teaches nothing.
    rollout["completion_mask"][2, 3:] = 0
    rollout["completion_mask"][5] = 0
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    results = []
    for by_groups in (True, False):
        for tokens_per_pass in (1, 40, 100, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            trainer._metrics["train"].clear()
            loss = step_loss(trainer, rollout)
            logged = [trainer._metrics["train"][name] for name in ("kl", "entropy")]
            assert [len(values) for values in logged] == [1, 1]
            results.append((loss.detach(), torch.tensor(logged), gradient(trainer)))
    assert results[0][2].abs().max() > 1e-3
    for loss, logged, grad in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(logged, results[0][1], rtol=1e-5, atol=1e-7)
        # Elements near 0 are sums of large ones: float32 rounds them by the size of these.
        assert (grad - results[0][2]).abs().max() <= 2e-6 * results[0][2].abs().max()


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
def test_gradient_checkpointing_changes_no_gradient(
    tiny_settings: list[str], tmp_path: Path, lora: str
) -> None:
    found = []
    for number, checkpointing in enumerate(("false", "true")):
        trainer = make(
            tiny_settings,
            tmp_path / str(number),
            f"model.lora={lora}",
            f"training.gradient_checkpointing={checkpointing}",
        )
        assert trainer.by_groups
        trainer.model.train()
        batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
        step_loss(trainer, batch)
        found.append(gradient(trainer))
    assert found[0].any()
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-8)


def test_the_loss_carries_no_second_gradient(
    trainer: RolloutTrainer, rollout: dict[str, Any]
) -> None:
    loss = step_loss(trainer, rollout)
    before = gradient(trainer).clone()
    loss.backward()
    assert torch.equal(before, gradient(trainer))


def step_loss(trainer: RolloutTrainer, batch: dict[str, Any]) -> torch.Tensor:
    """Compute the loss of a rollout as the trainer does; the gradients are there afterwards."""
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    return trainer.compute_loss(trainer.model, batch)


def gradient(trainer: RolloutTrainer) -> torch.Tensor:
    return torch.cat(
        [weight.grad.flatten() for weight in trainer.model.parameters() if weight.requires_grad]
    )


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_a_step_in_one_plain_pass_is_trls(
    tiny_settings: list[str], tmp_path: Path, average: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        f"method.loss_average={average}",
        "method.kl_coefficient=0.3",
    )
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    move_away(trainer)
    ours = step_loss(trainer, batch)
    our_gradient = gradient(trainer)
    our_metrics = {name: trainer._metrics["train"][name][-1] for name in ("kl", "entropy")}
    name = "_get_per_token_logps_and_entropies"
    monkeypatch.setattr(RolloutTrainer, name, getattr(GRPOTrainer, name))
    trainer.beta = 0.3
    trainer.model.zero_grad()
    theirs = GRPOTrainer.compute_loss(trainer, trainer.model, batch)
    theirs.backward()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(our_gradient, gradient(trainer), rtol=1e-3, atol=1e-6)
    for name, value in our_metrics.items():
        assert value == pytest.approx(trainer._metrics["train"][name][-1], rel=1e-5)


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_the_references_log_probs_are_trls(
    tiny_settings: list[str], tmp_path: Path, lora: str, passes: str
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        f"model.lora={lora}",
        f"engine.passes={passes}",
        "method.kl_coefficient=0.3",
    )
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    # Responses of unequal length, and one that teaches nothing.
    batch["completion_mask"][2, 3:] = 0
    batch["completion_mask"][5] = 0
    move_away(trainer)
    policy = trainer.model
    arguments = (
        torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
        torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
        batch["completion_ids"].size(1),
    )
    score = GRPOTrainer._get_per_token_logps_and_entropies
    with torch.no_grad():
        if trainer.ref_model is not None:
            theirs, _, _ = score(trainer, trainer.ref_model, *arguments)
        else:
            assert list(policy.peft_config) == ["default"], "no copy is saved with the adapters"
            with use_adapter(policy, None):
                theirs, _, _ = score(trainer, policy, *arguments)
        moved, _, _ = score(trainer, policy, *arguments)
    shown = batch["completion_mask"].bool()
    ours = log_probs_before(trainer, batch)
    torch.testing.assert_close(ours[shown], theirs[shown], rtol=0, atol=1e-5)
    assert not ours[~shown].any()
    assert (moved - theirs)[shown].abs().max() > 1e-3, "the policy has left its reference"


@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_adapters_that_were_trained_before_are_the_reference(
    tiny_settings: list[str], tmp_path: Path, passes: str
) -> None:
    settings = ["model.lora={rank: 4}", "method.kl_coefficient=0.3", f"engine.passes={passes}"]
    first = make(tiny_settings, tmp_path / "first", *settings)
    move_away(first)
    first.model.save_pretrained(tmp_path / "adapters")
    first.processing_class.save_pretrained(tmp_path / "adapters")
    second = make(tiny_settings, tmp_path / "run", *settings, f"model={tmp_path / 'adapters'}")
    second.model.train()
    batch = second._generate_and_score_completions(next(iter(second.get_train_dataloader())))
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    with torch.no_grad():
        policy, _, _ = second._get_per_token_logps_and_entropies(
            second.model, ids, mask, batch["completion_ids"].size(1)
        )
        move_away(second)
        reference = log_probs_before(second, batch)
        moved, _, _ = second._get_per_token_logps_and_entropies(
            second.model, ids, mask, batch["completion_ids"].size(1)
        )
    shown = batch["completion_mask"].bool()
    torch.testing.assert_close(reference[shown], policy[shown], rtol=0, atol=1e-5)
    assert (moved - reference)[shown].abs().max() > 1e-3, "the policy has left its reference"
    trained = {name for name, weight in second.model.named_parameters() if weight.requires_grad}
    assert trained
    assert not any(".ref." in name for name in trained)


def log_probs_before(trainer: RolloutTrainer, batch: dict[str, Any]) -> torch.Tensor:
    """By the reference policy, as wide as TRL's table of responses."""
    found = trainer.log_probs_before(rollout_responses(batch), trainer._score_responses)
    padding = batch["completion_ids"].size(1) - found.size(1)
    return torch.nn.functional.pad(found, (0, padding))


def move_away(trainer: RolloutTrainer) -> None:
    """Move what is trained away from the reference."""
    with torch.no_grad():
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.add_(0.05 * torch.randn_like(weight))


@pytest.mark.parametrize(
    ("option", "otherwise"),
    [
        ("temperature=0.5", False),
        ("repetition_penalty=1.1", True),
        ("min_p=0.1", True),
        ("cache_implementation=static", True),
        ("generation_kwargs={no_repeat_ngram_size: 2}", True),
        ("use_transformers_continuous_batching=true", True),
    ],
)
def test_options_of_sampling_leave_the_rollout_to_trl(
    option: str, otherwise: bool, tiny_settings: list[str], tmp_path: Path
) -> None:
    place = "method" if option.startswith("temperature") else "engine.options"
    config = load_config(overrides=[*tiny_settings, f"{place}.{option}"])
    arguments = trainer_of(config).trl_config(
        config, output_dir=str(tmp_path), device="cpu", num_steps=1
    )
    assert samples_otherwise(arguments) is otherwise
    arguments.use_vllm = True
    assert samples_otherwise(arguments)


@pytest.mark.parametrize(
    ("setting", "way"),
    [
        ("engine.passes=auto", "ours"),
        ("engine.passes=grouped", "ours"),
        ("engine.passes=plain", "TRL's"),
        ("engine.options.repetition_penalty=1.1", "TRL's"),
        ("engine.rollout=grouped", "ours"),
        ("engine={passes: plain, rollout: grouped}", "ours"),
        ("engine.rollout=generate", "TRL's"),
    ],
)
def test_a_rollout_goes_the_way_that_was_chosen(
    setting: str,
    way: str,
    tiny_settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = []
    theirs, ours = GRPOTrainer._generate_single_turn, generate_groups

    def by_trl(*args: Any, **kwargs: Any) -> Any:
        taken.append("TRL's")
        return theirs(*args, **kwargs)

    def by_groups(*args: Any, **kwargs: Any) -> Any:
        taken.append("ours")
        return ours(*args, **kwargs)

    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", by_trl)
    monkeypatch.setattr("rlsr.engines.trl.trainer.generate_groups", by_groups)
    trainer = make(tiny_settings, tmp_path / "run", setting)
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    assert taken == [way]
    assert trainer.by_groups is ("plain" not in setting)
    assert batch["completion_ids"].shape == (8, 8)


@pytest.mark.parametrize("average", ["token", "sequence"])
def test_an_entropy_bonus_does_not_grow_with_the_number_of_passes(
    tiny_settings: list[str], tmp_path: Path, average: str
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        f"method.loss_average={average}",
        "engine.options.entropy_coef=0.5",
    )
    assert not trainer.by_groups, "the bonus needs TRL's own pass"
    assert trainer._writes_by_groups
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    losses = []
    for tokens_per_pass in (10_000, 100, 1):
        trainer._tokens_per_pass = tokens_per_pass
        losses.append(step_loss(trainer, batch).detach())
        assert gradient(trainer).any()
    # The responses are of one length, so that the mean over passes is the mean over tokens.
    assert losses[0] < -2, "half the entropy of 300 tokens"
    for loss in losses[1:]:
        torch.testing.assert_close(loss, losses[0], rtol=1e-4, atol=1e-6)
    assert trainer.args.steps_per_generation == 1


def test_an_adaptive_entropy_bonus_is_adapted_once_a_step(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(
        tiny_settings,
        tmp_path / "run",
        "engine.options.use_adaptive_entropy=true",
        "engine.options.entropy_target=100",
        "engine.options.entropy_coef_delta=0.001",
    )
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    trainer._tokens_per_pass = 1
    before = trainer.entropy_coef
    step_loss(trainer, batch)
    assert trainer.entropy_coef == pytest.approx(before + 0.001)


def test_a_mixture_of_experts_trains_with_its_own_loss(
    tiny_settings: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    policy = make_policy(
        "qwen3_moe", {**SUPPORTED["qwen3_moe"], "vocab_size": 320, "router_aux_loss_coef": 0.1}
    )
    path = save_with_tokenizer(policy, tiny_model, tmp_path / "mixture")
    trainer = make(tiny_settings, tmp_path / "run", f"model.name={path}")
    assert trainer._writes_by_groups
    assert not trainer.by_groups
    trainer.model.train()
    batch = trainer._generate_and_score_completions(next(iter(trainer.get_train_dataloader())))
    losses = []
    for tokens_per_pass in (10_000, 100):
        trainer._tokens_per_pass = tokens_per_pass
        losses.append(step_loss(trainer, batch).item())
    assert losses[0] > 0.05
    assert losses[1] == pytest.approx(losses[0], rel=0.2), "a mean over passes, not a sum"


def test_the_reference_policy_is_the_policy_before_training(
    trainer: RolloutTrainer, rollout: dict[str, Any]
) -> None:
    start = copy.deepcopy([weight.detach() for weight in trainer.model.parameters()])
    reference = list(trainer.ref_model.parameters())
    assert all(torch.equal(mine, other) for mine, other in zip(start, reference, strict=True))
    ours, _, _ = trainer._get_per_token_logps_and_entropies(
        trainer.model,
        torch.cat([rollout["prompt_ids"], rollout["completion_ids"]], dim=1),
        torch.cat([rollout["prompt_mask"], rollout["completion_mask"]], dim=1),
        rollout["completion_ids"].size(1),
    )
    torch.testing.assert_close(ours.detach(), rollout["ref_per_token_logps"], rtol=1e-5, atol=1e-6)


def _steps(trainer: RolloutTrainer) -> Iterator[list[int]]:
    for batch in trainer.get_train_dataloader():
        yield [row["record"] for row in batch]


def test_each_step_asks_for_whole_groups(trainer: RolloutTrainer) -> None:
    batches = list(_steps(trainer))
    repeats = trainer.args.steps_per_generation
    assert len(batches) == 3 * repeats
    for step in range(3):
        group = batches[step * repeats]
        assert all(batches[step * repeats + repeat] == group for repeat in range(repeats))
        assert group[:4] == [group[0]] * 4
        assert group[4:] == [group[4]] * 4
