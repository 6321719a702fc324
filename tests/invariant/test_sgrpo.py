"""S-GRPO: the gradient of GRPO plus that of the reference term, written out row by row, whatever way the passes take."""

import copy
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trl.trainer.utils import shuffle_sequence_dict

from rlsr.config import load_config
from rlsr.engines.trl.reference_in_group import GroupTerm
from rlsr.engines.trl.reference_term import ReferenceTerm
from rlsr.engines.trl.starting_point import REFERENCE
from rlsr.engines.trl.supervised import SupervisedTrainer
from rlsr.engines.trl.trainer import RolloutTrainer
from rlsr.forward.packed import packed_log_probs
from rlsr.models import load_policy
from sgrpo_runs import (
    NO_SIGNAL,
    REFERENCE_REWARDS,
    REWARDS,
    FixedReward,
    assert_same,
    gradient,
    grpo_by_hand,
    log_probs_of,
    make,
    move,
    records,
    references_of,
    roll_out,
    sgrpo_settings,
    step,
    step_of,
)
from trainers import trainer_of_config

LOSSES = ("nll", "ratio_clip", "one_sided_clip", "as_released")


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str]) -> list[str]:
    return sgrpo_settings(tiny_settings)


def losses_by_hand(loss: str, now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    ratio = (now - before).exp()
    if loss == "nll":
        return -now
    if loss == "ratio_clip":
        return -ratio.clamp(0.8, 1.2)
    if loss == "one_sided_clip":
        return -torch.minimum(ratio, torch.tensor(1.2))
    return -(now - before).clamp(0.8, 1.2)


def reference_term_by_hand(trainer: RolloutTrainer, loss: str, before: Any) -> torch.Tensor:
    losses = []
    for row in references_of(trainer):
        now = log_probs_of(trainer.model, *row)
        with torch.no_grad():
            then = log_probs_of(before, *row)
        losses.append(losses_by_hand(loss, now, then))
    return torch.cat(losses).mean()


# --- the formula --------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "extra",
    [
        ("model.lora=null", "method.kl_coefficient=0.3"),
        ("model.lora=null", "method.kl_coefficient=0"),
        ("model.lora={rank: 4}", "method.kl_coefficient=0.3"),
        ("model.lora={rank: 4}", "method.kl_coefficient=0"),
        ("method.loss_average=sequence", "method.update_subset=2"),
        ("engine.passes=plain",),
    ],
    ids=" ".join,
)
def test_loss_and_gradient_are_the_formula(
    settings: list[str], tmp_path: Path, loss: str, extra: tuple[str, ...]
) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    trainer = make(settings, tmp_path / "run", f"method.label_loss={loss}", *extra)
    batch = roll_out(trainer)
    # So far that every way to clip is met.
    move(trainer, by=0.2)
    found, ours = step(trainer, batch)
    method = trainer._method
    expected = grpo_by_hand(
        trainer,
        batch,
        untouched,
        average=method.loss_average,
        kl_coefficient=method.kl_coefficient,
    ) + 0.7 * reference_term_by_hand(trainer, loss, untouched)
    trainer.model.zero_grad()
    expected.backward()
    torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-6)
    assert_same(ours, gradient(trainer))
    assert ours.abs().max() > 1e-3


def test_every_way_to_clip_is_met_by_the_references(settings: list[str], tmp_path: Path) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    trainer = make(settings, tmp_path / "run")
    move(trainer, by=0.2)
    with torch.no_grad():
        ratios = torch.cat(
            [
                log_probs_of(trainer.model, *row) - log_probs_of(untouched, *row)
                for row in references_of(trainer)
            ]
        )
    for low, high in ((-9, -0.22), (-0.22, 0.18), (0.18, 0.8), (0.8, 1.2), (1.2, 9)):
        assert ((ratios > low) & (ratios < high)).any(), (low, high)


def test_references_are_scored_without_the_temperature_of_the_rollouts(
    settings: list[str], tmp_path: Path
) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    trainer = make(
        settings, tmp_path / "run", "method.temperature=1.5", "method.label_loss=ratio_clip"
    )
    batch = roll_out(trainer)
    move(trainer)
    found, ours = step(trainer, batch)
    grpo = grpo_by_hand(
        trainer, batch, untouched, average="token", kl_coefficient=0.3, temperature=1.5
    )
    expected = grpo + 0.7 * reference_term_by_hand(trainer, "ratio_clip", untouched)
    trainer.model.zero_grad()
    expected.backward()
    torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-6)
    assert_same(ours, gradient(trainer))


def test_as_released_teaches_nothing_at_the_start_and_the_others_do(
    settings: list[str], tmp_path: Path
) -> None:
    for loss in LOSSES:
        trainer = make(
            settings, tmp_path / loss, f"method.label_loss={loss}", "method.kl_coefficient=0",
            scores=NO_SIGNAL,
        )  # fmt: skip
        found, ours = step(trainer, roll_out(trainer))
        if loss == "as_released":
            assert not ours.any()
            assert float(found) == pytest.approx(0.7 * -0.8)
        else:
            assert ours.abs().max() > 1e-3


def test_without_signal_it_is_sft_with_a_weight(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run", "method.kl_coefficient=0", scores=NO_SIGNAL)
    _, ours = step(trainer, roll_out(trainer))
    shared = [one for one in settings if not one.startswith("method")]
    config = load_config(overrides=[*shared, "method=sft", "method.max_response_tokens=16"])
    sft = trainer_of_config(
        config,
        tmp_path / "sft",
        tokens_per_pass=90,
        records=records(),
        reward=FixedReward(NO_SIGNAL),
    )
    assert isinstance(sft, SupervisedTrainer)
    sft.model.train()
    nll = sft.compute_loss(sft.model, next(iter(sft.get_train_dataloader())))
    theirs = torch.cat([weight.grad.flatten() for weight in sft.model.parameters()])
    assert_same(ours, 0.7 * theirs)
    assert trainer._metrics["train"]["optim/label_nll"] == [pytest.approx(nll.item(), rel=1e-6)]


def test_without_weight_it_is_rlsr_to_the_bit(settings: list[str], tmp_path: Path) -> None:
    found = []
    for method in ("sgrpo", "rlsr"):
        kept = [one for one in settings if not one.startswith(("method=", "method.label"))]
        extra = ["method.label_weight=0"] if method == "sgrpo" else []
        trainer = make(kept, tmp_path / method, f"method={method}", *extra, scores=REWARDS)
        batch = roll_out(trainer)
        move(trainer)
        found.append((*step(trainer, batch), dict(trainer._metrics["train"])))
        assert trainer.num_trained_tokens == int(batch["completion_mask"].sum())
    (loss, grad, metrics), (other_loss, other_grad, other_metrics) = found
    assert torch.equal(loss, other_loss)
    assert torch.equal(grad, other_grad)
    assert metrics == other_metrics


# --- references ---------------------------------------------------------------------------------


def test_every_row_has_its_own_reference_with_its_end(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run")
    rows = step_of(roll_out(trainer)).references
    found = sorted(zip(map(list, rows.prompts), rows.responses, strict=True))
    assert found == sorted(references_of(trainer))
    assert len({tuple(prompt) for prompt, _ in found}) == 2, "two rows ask the same"
    ends = [reference[-1] == trainer.processing_class.eos_token_id for _, reference in found]
    # The longest is cut at 16 tokens.
    assert sorted(ends) == [False, True, True]


def test_a_prompt_that_stands_twice_in_a_step_has_its_reference_twice(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(settings, tmp_path / "run", "training.prompts_per_step=4", scores=[*REWARDS, *REWARDS[:4]])  # fmt: skip
    batch = roll_out(trainer)
    found = step_of(batch).references.responses
    assert len(found) == 4
    step(trainer, batch)
    lengths = [len(reference) for _, reference in references_of(trainer)]
    learnt = int(batch["completion_mask"].sum())
    assert trainer.num_trained_tokens - learnt == sum(map(len, found))
    assert trainer.num_trained_tokens - learnt - sum(lengths) in lengths


def test_what_is_logged_are_means_over_the_reference_tokens(
    settings: list[str], tmp_path: Path
) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    trainer = make(settings, tmp_path / "run", "method.label_loss=one_sided_clip")
    batch = roll_out(trainer)
    move(trainer)
    step(trainer, batch)
    with torch.no_grad():
        nll = float(reference_term_by_hand(trainer, "nll", untouched))
        loss = float(reference_term_by_hand(trainer, "one_sided_clip", untouched))
    logged = trainer._metrics["train"]
    assert logged["optim/label_nll"] == [pytest.approx(nll, rel=1e-5)]
    assert logged["optim/label_loss"] == [pytest.approx(loss, rel=1e-5)]
    assert logged["optim/label_weight"] == [0.7]
    num_reference_tokens = sum(len(reference) for _, reference in references_of(trainer))
    assert trainer.num_trained_tokens == int(batch["completion_mask"].sum()) + num_reference_tokens


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.7, 0.7, 0.7]),
        ("linear", [0.7, 0.7 * 2 / 3, 0.7 / 3]),
        ("cosine", [0.7, 0.7 * 0.75, 0.7 * 0.25]),
    ],
)
def test_the_weight_follows_its_schedule_over_the_steps_of_the_run(
    settings: list[str], tmp_path: Path, schedule: str, expected: list[float]
) -> None:
    trainer = make(
        settings, tmp_path / "run", f"method.label_schedule={schedule}", "method.kl_coefficient=0",
        scores=NO_SIGNAL,
    )  # fmt: skip
    gradients = []
    for number, weight in enumerate(expected):
        trainer.state.global_step = number
        gradients.append(step(trainer, roll_out(trainer))[1])
        assert trainer._metrics["train"]["optim/label_weight"] == [pytest.approx(weight)]
        assert_same(gradients[-1], gradients[0] * weight / 0.7)
    trainer.state.global_step = 3
    assert schedule == "constant" or weight_of(trainer) == 0


def weight_of(trainer: RolloutTrainer) -> float:
    [term] = step_of(roll_out(trainer)).reference_terms
    assert isinstance(term, ReferenceTerm)
    return term.weight


def test_the_default_weight_is_one_over_the_group(settings: list[str], tmp_path: Path) -> None:
    kept = [one for one in settings if "label_weight" not in one]
    assert weight_of(make(kept, tmp_path / "run")) == 0.25


# --- references as responses of their groups ----------------------------------------------------


@pytest.mark.parametrize("average", ["token", "sequence"])
@pytest.mark.parametrize("subset", ["null", "3"])
def test_a_reference_in_its_group_is_one_more_response(
    settings: list[str], tmp_path: Path, average: str, subset: str
) -> None:
    untouched = load_policy(load_config(overrides=settings).model, "cpu").model.eval()
    trainer = make(
        settings, tmp_path / "run", "method.label_in_group=true", "method.label_weight=0",
        f"method.loss_average={average}", f"method.update_subset={subset}",
    )  # fmt: skip
    batch = roll_out(trainer)
    whole = trainer.reward_function.last.num_tokens
    move(trainer)
    results = []
    for by_groups in (True, False):
        for tokens_per_pass in (1, 60, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            results.append(step(trainer, batch))
    assert trainer._metrics["train"]["optim/label_weight"] == [0]
    prompts = {tuple(reference): prompt for prompt, reference in references_of(trainer)}
    rewards = dict(zip(prompts, REFERENCE_REWARDS.values(), strict=True))
    total = torch.zeros(())
    num_tokens = num_responses = 0
    for group, reference in enumerate(map(tuple, step_of(batch).references.responses)):
        own = np.array(REWARDS[4 * group : 4 * group + 4])
        kept = list(range(4))
        if subset == "3":
            kept = max(
                (list(one) for one in combinations(range(4), 3)), key=lambda one: own[one].var()
            )
        scores = [*own[kept], *([] if np.isnan(rewards[reference]) else [rewards[reference]])]
        advantages = (np.array(scores) - np.mean(scores)) / max(np.std(scores, ddof=1), 0.02)
        num_responses += len(scores)
        num_tokens += sum(whole[4 * group + place] for place in kept)
        if not np.isnan(rewards[reference]):
            num_tokens += len(reference)
            now = log_probs_of(trainer.model, prompts[reference], reference)
            tokens = -advantages[-1] * (now - now.detach()).exp()
            total = total + (tokens.sum() if average == "token" else tokens.mean())
        if np.std(scores) > 0:
            found = batch["advantages"][4 * group : 4 * group + 4].numpy()[kept]
            np.testing.assert_allclose(found, advantages[: len(kept)], rtol=1e-5)
    assert int(batch["num_items_in_batch"]) == num_tokens
    assert step_of(batch).num_responses == num_responses
    expected = total / (num_tokens if average == "token" else num_responses) + grpo_by_hand(
        trainer, batch, untouched, average=average, kl_coefficient=0.3
    )
    trainer.model.zero_grad()
    expected.backward()
    for loss, grad in results:
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
        assert_same(grad, gradient(trainer))


def test_a_reference_gives_signal_to_a_group_of_equal_rewards(
    settings: list[str], tmp_path: Path
) -> None:
    trainer = make(
        settings, tmp_path / "run", "method.label_in_group=true", "method.label_weight=0",
        "method.kl_coefficient=0", scores=NO_SIGNAL,
    )  # fmt: skip
    batch = roll_out(trainer)
    logged = trainer._metrics["train"]
    # The third reference is not scored.
    assert logged["advantage/share_without_signal"] == [pytest.approx(1 / 3)]
    assert logged["reward/label"] == [pytest.approx(0.95)]
    assert logged["reward/group_std"] == [0]
    # Four below the mean and one above it.
    expected = np.array([4, 4, 0]) / 5**0.5
    _, in_group = step_of(batch).reference_terms
    assert isinstance(in_group, GroupTerm)
    assert sorted(in_group.advantages) == pytest.approx(sorted(expected))
    assert sorted(set(batch["advantages"].tolist())) == pytest.approx([-1 / 5**0.5, 0])
    assert step(trainer, batch)[1].any()


def test_the_supervised_term_stands_beside_the_group(settings: list[str], tmp_path: Path) -> None:
    gradients = {}
    for in_group, weight in (("true", "0.7"), ("true", "0"), ("false", "0.7")):
        trainer = make(
            settings, tmp_path / f"{in_group}{weight}", f"method.label_in_group={in_group}",
            f"method.label_weight={weight}", "method.kl_coefficient=0",
            scores=REWARDS if in_group == "true" else NO_SIGNAL,
        )  # fmt: skip
        gradients[in_group, weight] = step(trainer, roll_out(trainer))[1]
    assert_same(gradients["true", "0.7"], gradients["true", "0"] + gradients["false", "0.7"])


# --- the reference policy -----------------------------------------------------------------------


@pytest.mark.parametrize("beta", ["0", "0.3"])
@pytest.mark.parametrize("start", ["all weights", "new adapters", "trained adapters"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_references_are_compared_with_the_policy_before_training(
    settings: list[str], tmp_path: Path, beta: str, start: str, dtype: str
) -> None:
    settings = [
        *settings, f"method.kl_coefficient={beta}", "method.label_loss=ratio_clip", f"model.dtype={dtype}",
    ]  # fmt: skip
    if start != "all weights":
        settings.append("model.lora={rank: 4}")
    if start == "trained adapters":
        first = make(settings, tmp_path / "first")
        move(first)
        first.model.save_pretrained(tmp_path / "adapters")
        first.processing_class.save_pretrained(tmp_path / "adapters")
        settings.append(f"model={tmp_path / 'adapters'}")
    trainer = make(settings, tmp_path / "run")
    batch = roll_out(trainer)
    references = step_of(batch).references
    [term] = step_of(batch).reference_terms
    assert isinstance(term, ReferenceTerm)
    before = copy.deepcopy(term.before)
    assert before is not None
    step(trainer, batch)
    logged = trainer._metrics["train"]
    # At the start all ratios are 1.
    tolerance = 1e-5 if dtype == "float32" else 0.03
    assert logged["optim/label_loss"] == [pytest.approx(-1, abs=tolerance)]
    move(trainer, by=0.2)
    again = trainer.log_probs_before(references)
    assert torch.equal(again, before)
    with torch.no_grad():
        now = log_probs_of(trainer.model, references.prompts[0], references.responses[0])
    assert (now - before[0, : len(now)]).abs().max() > 0.02, "the policy has left its reference"
    names = {name for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    assert not any(f".{REFERENCE}." in name for name in names)


# --- passes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
@pytest.mark.parametrize("average", ["token", "sequence"])
@pytest.mark.parametrize("temperature", ["1", "0.7"])
def test_passes_of_any_size_give_one_gradient(
    settings: list[str], tmp_path: Path, average: str, lora: str, temperature: str
) -> None:
    trainer = make(
        settings,
        tmp_path / "run",
        f"method.loss_average={average}",
        f"model.lora={lora}",
        f"method.temperature={temperature}",
        "method.label_loss=one_sided_clip",
        "method.update_subset=3",
    )
    batch = roll_out(trainer)
    move(trainer)
    results = []
    for by_groups in (True, False):
        for tokens_per_pass in (1, 60, 10_000):
            trainer.by_groups, trainer._tokens_per_pass = by_groups, tokens_per_pass
            found = step(trainer, batch)
            metrics = trainer._metrics["train"]
            names = ("kl", "entropy", "optim/label_loss", "optim/label_nll")
            assert all(len(metrics[name]) == 1 for name in names)
            results.append((*found, torch.tensor([metrics[name][0] for name in names])))
    for loss, grad, logged in results[1:]:
        torch.testing.assert_close(loss, results[0][0], rtol=1e-5, atol=1e-7)
        assert_same(grad, results[0][1])
        torch.testing.assert_close(logged, results[0][2], rtol=1e-5, atol=1e-6)


def test_a_reference_stands_behind_its_prompt_beside_the_responses(
    settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(settings, tmp_path / "run")
    trainer._tokens_per_pass = 10_000
    batch = roll_out(trainer)
    packed = []
    score = packed_log_probs

    def count(model: Any, prompts: Any, responses: Any, *args: Any, **kwargs: Any) -> Any:
        packed.append((len(prompts), len(responses)))
        return score(model, prompts, responses, *args, **kwargs)

    monkeypatch.setattr("rlsr.engines.trl.passes.packed_log_probs", count)
    step(trainer, batch)
    # Two groups with signal and three references; the two rows that ask the same share their prompt.
    assert packed == [(2, 8 + 3)]


def test_the_order_of_the_rollout_does_not_matter(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run")
    batch = roll_out(trainer)
    move(trainer)
    loss, grad = step(trainer, batch)
    torch.manual_seed(3)
    other_loss, other_grad = step(trainer, shuffle_sequence_dict(batch))
    torch.testing.assert_close(loss, other_loss, rtol=1e-5, atol=1e-7)
    assert_same(grad, other_grad)


@pytest.mark.parametrize("lora", ["null", "{rank: 4}"])
def test_gradient_checkpointing_changes_no_gradient(
    settings: list[str], tmp_path: Path, lora: str
) -> None:
    found = []
    for checkpointing in ("false", "true"):
        trainer = make(
            settings, tmp_path / checkpointing, f"model.lora={lora}", "method.label_loss=ratio_clip",
            f"training.gradient_checkpointing={checkpointing}",
        )  # fmt: skip
        assert trainer.by_groups
        found.append(step(trainer, roll_out(trainer))[1])
    assert_same(found[1], found[0])


def test_the_loss_carries_no_second_gradient(settings: list[str], tmp_path: Path) -> None:
    trainer = make(settings, tmp_path / "run")
    batch = roll_out(trainer)
    trainer.model.zero_grad()
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer.compute_loss(trainer.model, batch)
    before = gradient(trainer).clone()
    loss.backward()
    assert torch.equal(before, gradient(trainer))


def test_an_entropy_bonus_stays_with_the_rollout(settings: list[str], tmp_path: Path) -> None:
    losses = []
    for coefficient in ("0.5", "0.25"):
        trainer = make(
            settings, tmp_path / coefficient, f"engine.options.entropy_coef={coefficient}",
        )  # fmt: skip
        assert not trainer.by_groups, "the bonus needs TRL's own pass"
        batch = roll_out(trainer)
        by_size = []
        for tokens_per_pass in (10_000, 100):
            trainer._tokens_per_pass = tokens_per_pass
            by_size.append(float(step(trainer, batch)[0]))
        assert by_size[0] == pytest.approx(by_size[1], rel=0.01)
        losses.append(by_size[0])
    assert losses[1] - losses[0] == pytest.approx(0.25 * 5.75, rel=0.02), "a mean over passes"
