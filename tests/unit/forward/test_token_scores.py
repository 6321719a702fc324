"""The fused log-softmax at chosen columns, against PyTorch's own."""

import pytest
import torch

from rlsr.forward import token_scores
from rlsr.forward.token_scores import selected_log_probs


def plain(logits: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    table = torch.log_softmax(logits.double() / temperature, dim=-1)
    return table.gather(1, targets[:, None]).squeeze(1)


def both_gradients(
    logits: torch.Tensor, targets: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.linspace(-2, 3, len(targets))
    found = []
    for own in (True, False):
        leaf = logits.clone().requires_grad_()
        scores = (
            selected_log_probs(leaf, targets, temperature=temperature, with_entropy=True)[0]
            if own
            else plain(leaf, targets, temperature)
        )
        (gradient,) = torch.autograd.grad((scores * weights).sum(), leaf)
        found.append(gradient)
    return found[0], found[1]


@pytest.mark.parametrize("num_rows", [1, 4, 9])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("numbers_at_a_time", [1, 4 * 17, 2**20])
def test_values_and_gradients(
    num_rows: int, temperature: float, numbers_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(token_scores.NUMBERS_AT_A_TIME, "cpu", numbers_at_a_time)
    torch.manual_seed(0)
    logits, targets = torch.randn(num_rows, 17) * 4, torch.randint(17, (num_rows,))
    scores, entropy = selected_log_probs(
        logits, targets, temperature=temperature, with_entropy=True
    )
    exact = plain(logits, targets, temperature).float()
    torch.testing.assert_close(scores, exact, rtol=1e-5, atol=2e-6)
    table = torch.log_softmax(logits.double() / temperature, dim=-1)
    assert entropy is not None
    wanted = -(table.exp() * table).sum(dim=-1).float()
    torch.testing.assert_close(entropy, wanted, rtol=1e-5, atol=1e-5)
    ours, theirs = both_gradients(logits, targets, temperature)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_extreme_logits_give_no_nan() -> None:
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]])
    targets = torch.tensor([1, 2, 0])
    scores, entropy = selected_log_probs(logits, targets, temperature=0.5, with_entropy=True)
    # At 2e4 neighbouring float32 numbers are 2e-3 apart.
    torch.testing.assert_close(scores, plain(logits, targets, 0.5).float(), rtol=1e-5, atol=2e-3)
    assert entropy is not None
    assert entropy.isfinite().all()
    ours, theirs = both_gradients(logits, targets, 0.5)
    torch.testing.assert_close(ours, theirs, rtol=5e-3, atol=1e-6)


def test_masked_columns_give_no_nan() -> None:
    logits = torch.tensor([[1.0, float("-inf"), 2.0], [torch.finfo(torch.float32).min, 0.0, 0.0]])
    scores, entropy = selected_log_probs(
        logits, torch.tensor([0, 1]), temperature=0.5, with_entropy=True
    )
    assert scores.isfinite().all()
    assert entropy is not None
    assert entropy.isfinite().all()
    assert both_gradients(logits, torch.tensor([0, 1]), 0.5)[0].isfinite().all()


def test_bfloat16_logits_are_scored_in_float32() -> None:
    torch.manual_seed(0)
    logits, targets = (torch.randn(70, 33) * 4).bfloat16(), torch.randint(33, (70,))
    scores, entropy = selected_log_probs(logits, targets, temperature=1.3, with_entropy=False)
    assert entropy is None
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, plain(logits, targets, 1.3).float(), rtol=1e-5, atol=2e-6)
    ours, theirs = both_gradients(logits, targets, 1.3)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours, theirs, rtol=2**-7, atol=1e-6)
