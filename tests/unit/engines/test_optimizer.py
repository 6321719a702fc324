"""AdamW with float32 copies of the weights."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from rlsr.engines.trl.optimizer import MasterWeightAdamW

SETTINGS: dict[str, Any] = {"lr": 1e-2, "betas": (0.9, 0.95), "weight_decay": 0.1}
SHAPES = [(4, 3), (5,), ()]


def weights(dtype: Any = torch.float32) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in SHAPES
    ]


def give_gradients(params: Sequence[Any], step: int) -> None:
    generator = torch.Generator().manual_seed(1000 + step)
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator).to(param.dtype)


def walk(params: Sequence[Any], optimizer: Any, steps: range) -> None:
    for step in steps:
        give_gradients(params, step)
        optimizer.step()


def assert_equal(found: Sequence[Any], expected: Sequence[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.95), (0.0, 0.999), (0.9, 0.0)])
def test_in_float32_it_is_the_adamw_of_pytorch(
    betas: tuple[float, float], weight_decay: float
) -> None:
    ours, theirs = weights(), weights()
    settings: dict[str, Any] = {"lr": 1e-2, "betas": betas, "weight_decay": weight_decay}
    one = MasterWeightAdamW(ours, **settings)
    other = torch.optim.AdamW(theirs, eps=1e-8, fused=True, **settings)
    for step in range(20):
        walk(ours, one, range(step, step + 1))
        walk(theirs, other, range(step, step + 1))
        assert_equal(ours, theirs)
    assert not torch.equal(ours[0], weights()[0])


def test_groups_and_a_changing_learning_rate_are_followed() -> None:
    ours, theirs = weights(), weights()

    def groups(params: list[Any]) -> list[dict[str, Any]]:
        return [{"params": params[:1], "weight_decay": 0.5}, {"params": params[1:], "lr": 1e-3}]

    one = MasterWeightAdamW(groups(ours), **SETTINGS)
    other = torch.optim.AdamW(groups(theirs), fused=True, **SETTINGS)
    for step in range(10):
        for optimizer in (one, other):
            for group in optimizer.param_groups:
                group["lr"] *= 0.9
        walk(ours, one, range(step, step + 1))
        walk(theirs, other, range(step, step + 1))
    assert_equal(ours, theirs)


def test_in_bfloat16_updates_too_small_for_one_rounding_add_up() -> None:
    # Between 1 and 2 a bfloat16 moves in steps of 2**-7, so that a step of 1e-4 is always rounded away.
    def train(make: Any) -> float:
        weight = torch.nn.Parameter(torch.ones(8, dtype=torch.bfloat16))
        optimizer = make([weight], lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0)
        for _ in range(300):
            weight.grad = torch.full_like(weight, -0.5)
            optimizer.step()
        assert weight.dtype == torch.bfloat16
        return float(weight.detach()[0])

    assert train(torch.optim.AdamW) == 1.0
    assert train(MasterWeightAdamW) == pytest.approx(1.03, abs=2**-8)


def test_bfloat16_weights_are_the_rounded_copies_of_a_float32_walk() -> None:
    ours = weights(torch.bfloat16)
    exact = [torch.nn.Parameter(weight.detach().float()) for weight in ours]
    one = MasterWeightAdamW(ours, **SETTINGS)
    other = torch.optim.AdamW(exact, fused=True, **SETTINGS)
    for step in range(20):
        give_gradients(ours, step)
        for weight, copy in zip(ours, exact, strict=True):
            copy.grad = weight.grad.float()
        one.step()
        other.step()
        assert_equal(ours, [copy.detach().bfloat16() for copy in exact])
    assert_equal([one.state[weight]["master"] for weight in ours], [p.detach() for p in exact])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("through_a_file", [False, True], ids=["in memory", "through a file"])
def test_a_restored_state_is_bit_exact_and_goes_on_the_same_way(
    dtype: Any, through_a_file: bool
) -> None:
    straight = weights(dtype)
    optimizer = MasterWeightAdamW(straight, **SETTINGS)
    walk(straight, optimizer, range(7))
    saved = optimizer.state_dict()
    if through_a_file:
        buffer = io.BytesIO()
        torch.save(saved, buffer)
        buffer.seek(0)
        saved = torch.load(buffer)
    resumed = [torch.nn.Parameter(weight.detach().clone()) for weight in straight]
    other = MasterWeightAdamW(resumed, lr=1.0, betas=(0.5, 0.5))
    other.load_state_dict(saved)

    for one, two in zip(straight, resumed, strict=True):
        assert set(other.state[two]) == {"step", "master", "exp_avg", "exp_avg_sq"}
        for name, value in optimizer.state[one].items():
            assert other.state[two][name].dtype == torch.float32
            assert torch.equal(other.state[two][name], value), name
    walk(straight, optimizer, range(7, 14))
    walk(resumed, other, range(7, 14))
    assert_equal(resumed, straight)


def test_a_restored_state_shares_no_memory_with_what_was_saved() -> None:
    first, second = weights(torch.bfloat16), weights(torch.bfloat16)
    one = MasterWeightAdamW(first, **SETTINGS)
    walk(first, one, range(3))
    saved = one.state_dict()
    kept = {name: value.clone() for name, value in saved["state"][0].items()}
    other = MasterWeightAdamW(second, **SETTINGS)
    other.load_state_dict(saved)
    walk(second, other, range(3, 5))
    for name, value in kept.items():
        assert torch.equal(saved["state"][0][name], value), name


def test_a_state_from_before_the_first_step_is_restored_as_nothing() -> None:
    first, second = weights(torch.bfloat16), weights(torch.bfloat16)
    other = MasterWeightAdamW(second, **SETTINGS)
    other.load_state_dict(MasterWeightAdamW(first, **SETTINGS).state_dict())
    assert not other.state
    walk(first, MasterWeightAdamW(first, **SETTINGS), range(3))
    walk(second, other, range(3))
    assert_equal(second, first)


def test_a_weight_without_a_gradient_stays_as_it_is() -> None:
    params = weights(torch.bfloat16)
    optimizer = MasterWeightAdamW(params, **SETTINGS)
    give_gradients(params, 0)
    params[1].grad = None
    before = params[1].detach().clone()
    optimizer.step()
    assert torch.equal(params[1], before)
    assert params[1] not in optimizer.state
    assert not torch.equal(params[0], weights(torch.bfloat16)[0])


def test_the_loss_of_a_closure_is_returned_and_its_gradients_are_used() -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = MasterWeightAdamW([weight], lr=0.1, betas=(0.9, 0.95))

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert float(weight.detach()) == pytest.approx(1.9)
    assert optimizer.step() is None


def test_a_schedule_of_pytorch_accepts_it() -> None:
    params = weights()
    optimizer = MasterWeightAdamW(params, lr=1.0, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    walk(params, optimizer, range(1))
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.5
