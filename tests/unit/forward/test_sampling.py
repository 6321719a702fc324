"""Tokens are drawn as often as their probabilities say."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from rlsr.errors import EngineError
from rlsr.forward.sampling import GREEDY, Sampling, draw_tokens, uniform_numbers

NUM_DRAWS = 50_000
LOGITS = torch.tensor([1.0, -2.0, float("-inf"), 0.5, 3.0, 0.5, -40.0, 2.0, float("-inf")])


def counts_of(logits: torch.Tensor, sampling: Sampling) -> np.ndarray:
    torch.manual_seed(0)
    drawn = draw_tokens(logits.expand(NUM_DRAWS, -1), sampling)
    found: np.ndarray = drawn.bincount(minlength=logits.shape[-1]).numpy()
    return found


def assert_drawn_by(counts: np.ndarray, probabilities: torch.Tensor) -> None:
    expected = probabilities.double().numpy() * NUM_DRAWS
    assert counts[expected < 0.01].sum() == 0
    likely = expected >= 5
    found, wanted = counts[likely], expected[likely]
    if len(found) > 1:
        assert chisquare(found, wanted * found.sum() / wanted.sum()).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_softmax(temperature: float, dtype: torch.dtype) -> None:
    logits = LOGITS.to(dtype)
    counts = counts_of(logits, Sampling(temperature=temperature))
    assert_drawn_by(counts, torch.softmax(logits.double() / temperature, dim=-1))


@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_nucleus(top_p: float, temperature: float) -> None:
    probabilities = torch.softmax(LOGITS.double() / temperature, dim=-1)
    ordered, order = probabilities.sort(descending=True)
    size = int((ordered.cumsum(0) < top_p).sum()) + 1
    kept = torch.zeros_like(probabilities)
    kept[order[:size]] = ordered[:size] / ordered[:size].sum()
    assert_drawn_by(counts_of(LOGITS, Sampling(temperature=temperature, top_p=top_p)), kept)


def test_own_numbers_draw_by_the_same_distribution() -> None:
    seeds = [(place,) for place in range(NUM_DRAWS // 10)]
    uniform = uniform_numbers(seeds, 10)
    assert kstest(uniform.flatten().numpy(), "uniform").pvalue > 1e-3
    assert kstest(uniform[:, 0].numpy(), "uniform").pvalue > 1e-3
    assert torch.equal(uniform_numbers(seeds[3:5], 10), uniform[3:5])
    logits = LOGITS.expand(NUM_DRAWS, -1)
    drawn = draw_tokens(logits, Sampling(), uniform.flatten())
    assert_drawn_by(drawn.bincount(minlength=len(LOGITS)).numpy(), torch.softmax(LOGITS, dim=-1))


def test_a_large_vocabulary_has_no_favourites() -> None:
    """The float32 sum over 50,000 equal tokens must not favour some part of them."""
    torch.manual_seed(0)
    logits = torch.zeros(500, 50_000)
    drawn = torch.cat([draw_tokens(logits, Sampling()) for _ in range(10)])
    counts = torch.bincount(drawn // 1000, minlength=50).numpy()
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_the_ends_of_the_unit_interval(uniform: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *size, device: torch.full(size, uniform))
    logits = torch.full((3, 10_000), -9.0)
    logits[:, :10] = logits[:, -10:] = float("-inf")
    logits[2, 5_000:] = float("-inf")
    drawn = draw_tokens(logits, Sampling()).tolist()
    assert drawn == ([10, 10, 10] if uniform == 0 else [9_989, 9_989, 4_999])


def test_greedy_takes_the_most_likely() -> None:
    assert draw_tokens(LOGITS[None], GREEDY).tolist() == [4]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_no_probabilities_are_an_error(bad: float, top_p: float) -> None:
    with pytest.raises(EngineError, match="finite"):
        draw_tokens(torch.tensor([[0.0, 1.0], [bad, 1.0]]), Sampling(top_p=top_p))
