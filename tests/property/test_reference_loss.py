"""The losses of label tokens, and their gradients, against the formulas written out by hand in float64."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from rlsr.config.method import SgrpoMethod
from rlsr.methods.reference_loss import RATIO_LOSSES, reference_losses

LOSSES = ("nll", *RATIO_LOSSES)
log_prob = st.floats(-12, 0, allow_nan=False)
clips = st.floats(0.05, 0.95)
logits = st.lists(st.floats(-6, 6), min_size=3, max_size=6)

VALUES: dict[str, Callable[[float, float, float], float]] = {
    "nll": lambda now, _, __: -now,
    "ratio_clip": lambda now, before, clip: -min(max(math.exp(now - before), 1 - clip), 1 + clip),
    "one_sided_clip": lambda now, before, clip: -min(math.exp(now - before), 1 + clip),
    "as_released": lambda now, before, clip: -min(max(now - before, 1 - clip), 1 + clip),
}
"""By log p, log q and the clip."""


def slope(loss: str, ratio: float, clip: float) -> float:
    """The derivative by log p, with the log-ratio given."""
    if loss == "nll":
        return -1.0
    if loss == "as_released":
        return -1.0 if 1 - clip < ratio < 1 + clip else 0.0
    inside = math.exp(ratio) < 1 + clip
    if loss == "ratio_clip":
        inside = inside and math.exp(ratio) > 1 - clip
    return -math.exp(ratio) if inside else 0.0


def tensor(value: float) -> torch.Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def losses_of(loss: str, now: torch.Tensor, before: torch.Tensor, clip: float) -> torch.Tensor:
    method = SgrpoMethod.model_validate({"type": "sgrpo", "label_loss": loss, "label_clip": clip})
    return reference_losses(method, now, before)


@pytest.mark.parametrize("loss", LOSSES)
@given(log_prob, log_prob, clips)
def test_a_loss_is_its_formula(loss: str, now: float, before: float, clip: float) -> None:
    found = losses_of(loss, tensor(now), tensor(before), clip)
    assert float(found) == pytest.approx(VALUES[loss](now, before, clip), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@given(logits, logits, clips, st.integers(0, 2))
def test_the_gradient_by_the_logits_is_that_by_hand(
    loss: str, policy: list[float], reference: list[float], clip: float, token: int
) -> None:
    size = min(len(policy), len(reference))
    now = torch.tensor(policy[:size], dtype=torch.float64, requires_grad=True)
    log_probs = now.log_softmax(0)
    before = torch.tensor(reference[:size], dtype=torch.float64).log_softmax(0)
    ratio = float(log_probs[token].detach() - before[token])
    # At a corner there are two derivatives.
    corners = (math.log1p(-clip), math.log1p(clip), 1 - clip, 1 + clip)
    assume(all(abs(ratio - corner) > 1e-9 for corner in corners))
    losses_of(loss, log_probs[token].view(1, 1), before[token].view(1, 1), clip).sum().backward()
    chosen = torch.zeros(size, dtype=torch.float64)
    chosen[token] = 1
    expected = slope(loss, ratio, clip) * (chosen - log_probs.detach().exp())
    torch.testing.assert_close(now.grad, expected, rtol=1e-10, atol=1e-14)


def gradient_at_the_start(loss: str, before: float, clip: float) -> float:
    now = tensor(before).requires_grad_()
    losses_of(loss, now, tensor(before), clip).sum().backward()
    assert now.grad is not None
    return float(now.grad)


@given(log_prob, clips)
def test_as_released_teaches_nothing_at_the_start_and_the_others_what_sft_teaches(
    before: float, clip: float
) -> None:
    assert gradient_at_the_start("as_released", before, clip) == 0
    for loss in ("nll", "ratio_clip", "one_sided_clip"):
        assert gradient_at_the_start(loss, before, clip) == pytest.approx(-1)


@pytest.mark.parametrize(("ratio", "expected"), [(2.22, 0), (2.23, -1), (3.32, -1), (3.33, 0)])
def test_as_released_teaches_between_two_ratios_alone(ratio: float, expected: float) -> None:
    now = tensor(-5 + math.log(ratio)).requires_grad_()
    losses_of("as_released", now, tensor(-5.0), 0.2).sum().backward()
    assert float(now.grad) == expected


@given(log_prob, log_prob, log_prob, clips)
def test_no_loss_rises_with_the_probability_of_a_token(
    before: float, first: float, second: float, clip: float
) -> None:
    low, high = sorted((first, second))
    for loss in LOSSES:
        values = [float(losses_of(loss, tensor(now), tensor(before), clip)) for now in (low, high)]
        assert values[1] <= values[0]


@given(log_prob, log_prob, clips)
def test_clipped_losses_have_their_bounds(now: float, before: float, clip: float) -> None:
    for loss in RATIO_LOSSES:
        found = float(losses_of(loss, tensor(now), tensor(before), clip))
        smallest = 0 if loss == "one_sided_clip" else 1 - clip
        assert smallest - 1e-12 <= -found <= 1 + clip + 1e-12


@pytest.mark.parametrize("loss", RATIO_LOSSES)
@pytest.mark.parametrize("ratio", [-500.0, 500.0])
def test_extreme_ratios_have_finite_gradients(loss: str, ratio: float) -> None:
    now = torch.tensor([[ratio]], requires_grad=True)
    losses_of(loss, now, torch.zeros(1, 1), 0.2).sum().backward()
    assert now.grad is not None
    assert float(now.grad) == 0
