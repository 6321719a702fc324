"""A forecast from hand-made rewards and similarities, and how it looks in a terminal."""

import io

import numpy as np
import pytest
from rich.console import Console

from rlsr.cli.forecast_text import show_forecast
from rlsr.forecast import Forecast, Intervals, MetricScores, Samples, forecast, load_calibration
from rlsr.forecast.calibration import Calibration
from rlsr.forecast.learning import Learning
from rlsr.forecast.result import UNSEEN, Prompts
from rlsr.runs.step_metrics import NLL
from rlsr.statistics import Estimate

NUM_PROMPTS = 40
RISING = Calibration(points=load_calibration().points[:3])
"""Points whose gains rise with best minus greedy."""


def predict(
    *,
    ahead: float = 0.0,
    sign: int = 1,
    encoder: str = "builtin:wordllama",
    prompts: Prompts = "set aside",
    learning: Learning | None = None,
) -> Forecast:
    """Four answers to each prompt, .1 apart in the unseen similarity, the greedy one that far behind the best of them."""
    rng = np.random.default_rng(0)
    prompt = rng.uniform(0.2, 0.6, size=(NUM_PROMPTS, 1))
    unseen = prompt + np.array([0.0, 0.1, 0.2, 0.3])
    best = unseen[:, -1] if sign > 0 else unseen[:, 0]
    greedy = best - ahead + rng.normal(0, 0.001, NUM_PROMPTS)
    rewards = sign * unseen
    metrics = {
        "reward": MetricScores("reward", 3, True, greedy, rewards),
        "chrf": MetricScores("chrF", 1, False, 100 * greedy, 100 * unseen),
        UNSEEN: MetricScores("independent similarity", 3, False, greedy, unseen),
    }
    samples = Samples(rewards, metrics, "made up", encoder, prompts)
    return forecast(samples, RISING, learning, intervals=Intervals(0.95, 200))


def test_the_numbers_are_those_that_were_put_in() -> None:
    found = predict(ahead=0.25)
    assert [metric.name for metric in found.metrics] == [UNSEEN, "chrf", "reward"]
    unseen = found.unseen
    assert unseen.best_minus_greedy.mean == pytest.approx(0.25, abs=0.001)
    assert unseen.best_minus_mean.mean == pytest.approx(0.15)
    assert unseen.best.mean - unseen.sampled.mean == pytest.approx(0.15)
    assert unseen.agreement.mean == pytest.approx(1)
    assert found.spread.within.mean == pytest.approx(np.std([0, 0.1, 0.2, 0.3], ddof=1))
    assert found.spread.share_without_signal == 0
    assert (found.num_prompts, found.num_generations) == (NUM_PROMPTS, 4)


def test_a_best_answer_ahead_of_greedy_or_behind_decides_nothing() -> None:
    for ahead in (0.25, -0.25):
        assert predict(ahead=ahead).judgement.rule == "neither"


def test_a_reward_that_prefers_the_worst_answers_chooses_nothing() -> None:
    found = predict(ahead=0.25, sign=-1)
    assert found.judgement.rule == "no choice"
    assert found.unseen.agreement.mean == pytest.approx(-1)


def test_warnings_say_what_makes_it_weaker() -> None:
    assert predict().warnings == ()
    [seen] = predict(prompts="trained on").warnings
    assert "validation.num_prompts" in seen
    [other] = predict(encoder="builtin:minilm").warnings
    assert "builtin:wordllama and this similarity by builtin:minilm" in other


@pytest.mark.parametrize("width", [80, 140])
def test_it_reads_well_in_a_terminal(width: int) -> None:
    learning = Learning(NLL, "lower", Estimate(-0.2, -0.3, -0.1, 20))
    found = predict(ahead=0.25, prompts="trained on", encoder="builtin:minilm", learning=learning)
    output = io.StringIO()
    show_forecast(Console(file=output, width=width, soft_wrap=True, highlight=False), found)
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= min(width, 100)
    said = " ".join(output.getvalue().split())
    assert "cannot say because the expected gain" in said
    assert "still learning, optim/nll moved by -0.200 [-0.300, -0.100]" in said
    assert "chrF" in said
    assert "reward *" in said
    assert "next: SFT was still learning" in said
