"""Faults in the middle of training: gradients that are no numbers, a lack of memory, a disk that is full."""

import errno
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import rlsr.engines.trl.trainer as trainer_module
from rlsr.config import load_config
from rlsr.data import load_dataset
from rlsr.engines.trl.checkpoints import newest_whole_checkpoint
from rlsr.engines.trl.out_of_memory import is_out_of_memory, try_smaller
from rlsr.errors import EngineError, RunError
from rlsr.forward.generation import generate_groups
from rlsr.runs import RunDirectory
from trainers import gradient, roll_out, trainer_of_config

Poison = Callable[[Any, torch.Tensor], torch.Tensor]


def make(tiny_settings: list[str], path: Path, *settings: str, tokens_per_pass: int = 60) -> Any:
    config = load_config(overrides=[*tiny_settings, *settings])
    return trainer_of_config(config, path, tokens_per_pass=tokens_per_pass)


def supervised(
    tiny_settings: list[str], path: Path, *settings: str, tokens_per_pass: int = 60
) -> Any:
    own = [setting for setting in tiny_settings if not setting.startswith("method.")]
    settings = ("method=sft", "method.max_response_tokens=8", *settings)
    return make(own, path, *settings, tokens_per_pass=tokens_per_pass)


def set_gradient(value: float) -> Poison:
    def poison(model: Any, loss: torch.Tensor) -> torch.Tensor:
        weight = next(weight for weight in model.parameters() if weight.grad is not None)
        weight.grad.view(-1)[3] = value
        return loss

    return poison


POISONS: dict[str, Poison] = {
    "a gradient that is nan": set_gradient(math.nan),
    "a gradient that is infinite": set_gradient(math.inf),
    "a loss that is nan": lambda _, loss: loss * math.nan,
}


def poison_steps(trainer: Any, steps: set[int], poison: Poison) -> list[dict[str, Any]]:
    """Spoil the updates of some steps; returns the weights, and the state of the optimiser, as each step found them."""
    backward, seen = trainer._backward, []

    def spoiled(model: Any, *arguments: Any) -> torch.Tensor:
        weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        optimizer = trainer.optimizer.state_dict()["state"]
        moments = {
            (number, name): torch.as_tensor(value).clone()
            for number, state in optimizer.items()
            for name, value in state.items()
        }
        seen.append({"weights": weights, "optimizer": moments})
        loss: torch.Tensor = backward(model, *arguments)
        return poison(model, loss) if len(seen) in steps else loss

    trainer._backward = spoiled
    return seen


def same(one: dict[Any, torch.Tensor], other: dict[Any, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", POISONS)
def test_an_update_that_is_not_finite_changes_nothing_and_is_counted(
    tiny_settings: list[str], tmp_path: Path, kind: str, dtype: str
) -> None:
    trainer = supervised(tiny_settings, tmp_path / "run", f"model.dtype={dtype}")
    seen = poison_steps(trainer, {2}, POISONS[kind])
    trainer.train()
    first, second, third = seen
    assert not same(first["weights"], second["weights"])
    assert same(second["weights"], third["weights"])
    assert same(second["optimizer"], third["optimizer"])
    after = dict(trainer.model.named_parameters())
    assert not same(third["weights"], after), "the step after it learns again"
    assert all(weight.isfinite().all() for weight in after.values())
    rows = RunDirectory(tmp_path / "run").read_metrics()
    assert [row["optim/skipped_updates"] for row in rows] == [0, 1, 0]
    lost = "optim/loss" if kind == "a loss that is nan" else "optim/grad_norm"
    assert math.isnan(rows[1][lost])
    assert all(math.isfinite(row["optim/loss"]) for row in (rows[0], rows[2]))


def test_updates_of_one_rollout_are_skipped_one_by_one(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = make(tiny_settings, tmp_path / "run", "method={type: rlsr, updates_per_rollout: 2}")
    poison_steps(trainer, {1}, lambda _, loss: loss * math.inf)
    trainer.train()
    rows = RunDirectory(tmp_path / "run").read_metrics()
    assert [row["optim/skipped_updates"] for row in rows] == [1, 0, 0]


def test_an_update_that_another_process_has_lost_is_skipped_here_too(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = supervised(tiny_settings, tmp_path / "run")
    trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    assert trainer.loss_is_finite
    trainer.over_processes = lambda number: number + 1
    assert math.isfinite(trainer._clip_grad_norm(trainer.model))
    assert all(weight.grad is None for weight in trainer.model.parameters())
    assert trainer.num_skipped_updates == 1


def test_weights_that_are_not_finite_are_never_saved(
    tiny_settings: list[str], tmp_path: Path
) -> None:
    trainer = supervised(tiny_settings, tmp_path / "run")
    trainer.train()
    checkpoints = tmp_path / "run" / "checkpoints"
    good = newest_whole_checkpoint(checkpoints)
    next(trainer.model.parameters()).data.view(-1)[0] = math.inf
    trainer.state.global_step += 1
    with pytest.raises(EngineError) as caught:
        trainer._save_checkpoint(trainer.model, None)
    assert str(caught.value) == (
        f"step 4: the weights are not finite any more, and no checkpoint is made of them; the last good one is {good}. Lower "
        "training.learning_rate or use model.dtype=float32, and start a new run"
    )
    assert newest_whole_checkpoint(checkpoints) == good == checkpoints / "checkpoint-3"


@pytest.mark.parametrize("part", ["save_model", "_save_optimizer_and_scheduler", "_save_rng_state"])
def test_a_checkpoint_that_the_disk_refuses_leaves_the_one_before(
    tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    trainer = supervised(tiny_settings, tmp_path / "run", "training.keep_checkpoints=1")
    save = getattr(trainer, part)

    def refused(*arguments: Any, **kwargs: Any) -> None:
        save(*arguments, **kwargs)
        if trainer.state.global_step == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(trainer, part, refused)
    checkpoints = tmp_path / "run" / "checkpoints"
    with pytest.raises(RunError, match="checkpoint-2: cannot be written: no space left on device"):
        trainer.train()
    assert [path.name for path in checkpoints.iterdir()] == ["checkpoint-1"]
    assert newest_whole_checkpoint(checkpoints) == checkpoints / "checkpoint-1"


@pytest.mark.parametrize(
    ("settings", "last"), [([], 3), (["training.max_tokens=1"], 1)], ids=["planned", "by a rule"]
)
def test_a_run_keeps_its_model_where_the_disk_refuses_the_last_checkpoint(
    tiny_settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settings: list[str],
    last: int,
) -> None:
    trainer = supervised(tiny_settings, tmp_path / "run", *settings)
    save = trainer._save_optimizer_and_scheduler

    def refused(*arguments: Any) -> None:
        if trainer.state.global_step == last:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(*arguments)

    monkeypatch.setattr(trainer, "_save_optimizer_and_scheduler", refused)
    trainer.train()
    assert trainer.state.global_step == last
    assert f"checkpoint-{last}: cannot be written: no space left on device (" in caplog.text
    assert "it was the last one, and the trained model is saved" in caplog.text
    assert not (tmp_path / "run" / "checkpoints" / f"checkpoint-{last}").exists()


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    MemoryError(),
]


@pytest.mark.parametrize(
    ("method", "error"),
    [*(("sft", error) for error in ERRORS), ("rlsr", ERRORS[0]), ("dpo", ERRORS[1])],
    ids=["sft-cuda", "sft-cpu", "sft-windows", "sft-python", "rlsr", "dpo"],
)
def test_a_lack_of_memory_in_a_pass_gives_smaller_passes_and_the_same_gradient(
    tiny_settings: list[str], tmp_path: Path, method: str, error: Exception
) -> None:
    def learn(name: str, failing_pass: int | None) -> tuple[Any, torch.Tensor]:
        trainer = MAKERS[method](tiny_settings, tmp_path / name, tokens_per_pass=150)
        loader = trainer.get_train_dataloader()
        batch = roll_out(trainer) if method == "rlsr" else next(iter(loader))
        trainer.model.train()
        backward, passes = trainer.accelerator.backward, []

        def fails_once(loss: torch.Tensor) -> None:
            passes.append(loss)
            # What has been added up by then must not count twice.
            backward(loss)
            if len(passes) == failing_pass:
                raise error

        trainer.accelerator.backward = fails_once
        trainer.compute_loss(trainer.model, batch)
        return trainer, gradient(trainer)

    undisturbed, expected = learn("undisturbed", None)
    disturbed, found = learn("disturbed", 1)
    assert torch.allclose(found, expected, atol=1e-6)
    assert found.abs().sum() > 0
    assert disturbed.num_out_of_memory == 1
    assert disturbed._tokens_per_pass == undisturbed._tokens_per_pass // 2


def preferring(tiny_settings: list[str], path: Path, *, tokens_per_pass: int) -> Any:
    own = [setting for setting in tiny_settings if not setting.startswith("method.")]
    config = load_config(overrides=[*own, "method=dpo", "method.max_response_tokens=8"])
    records = [
        replace(record, rejected="the dog ran") for record in load_dataset(config.data).train
    ]
    return trainer_of_config(config, path, records=records, tokens_per_pass=tokens_per_pass)


MAKERS: dict[str, Callable[..., Any]] = {"rlsr": make, "sft": supervised, "dpo": preferring}


def test_a_lack_of_memory_in_a_rollout_writes_fewer_side_by_side_and_the_same_responses(
    tiny_settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = roll_out(make(tiny_settings, tmp_path / "undisturbed"))
    generate, asked = generate_groups, []

    def too_many(*arguments: Any, rows_at_a_time: int | None, **kwargs: Any) -> Any:
        asked.append(rows_at_a_time)
        if rows_at_a_time != 4:
            raise torch.OutOfMemoryError("too many")
        return generate(*arguments, rows_at_a_time=rows_at_a_time, **kwargs)

    monkeypatch.setattr(trainer_module, "generate_groups", too_many)
    trainer = make(tiny_settings, tmp_path / "disturbed")
    found = roll_out(trainer)
    assert asked == [None, 4]
    assert trainer.num_out_of_memory == 1
    assert torch.equal(found["completion_ids"], expected["completion_ids"])


def test_where_the_smallest_piece_does_not_fit_the_run_ends_with_the_ways_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sizes = [4, 2, 1]

    def fails() -> None:
        raise ERRORS[0]

    def smaller() -> str | None:
        sizes.pop(0)
        return f"passes have {sizes[0]} tokens" if sizes else None

    with pytest.raises(EngineError) as caught:
        try_smaller(fails, smaller)
    assert str(caught.value) == (
        "memory is not enough for the smallest piece of a step: CUDA out of memory. Tried to allocate 2.00 GiB; lower "
        "method.max_response_tokens, set training.gradient_checkpointing=true, train adapters (model.lora.rank=16) or take a smaller "
        "policy, and start a new run"
    )
    assert [record.getMessage() for record in caplog.records] == [
        f"memory was not enough: from here on passes have {size} tokens, with the same result"
        for size in (2, 1)
    ]


def test_other_errors_are_no_lack_of_memory() -> None:
    assert all(map(is_out_of_memory, ERRORS))
    others = [RuntimeError("shapes do not fit"), ValueError("can't allocate memory"), OSError("x")]
    assert not any(map(is_out_of_memory, others))
    with pytest.raises(RuntimeError, match="shapes"):
        try_smaller(lambda: (_ for _ in ()).throw(others[0]), lambda: "smaller")
