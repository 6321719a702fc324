"""A method with rollouts of one's own: what it adds to a step is learnt from and logged, whatever way the passes take."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from trl.trainer.utils import shuffle_sequence_dict

from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.step import Addition, PassTokens, Share, Step
from sgrpo_runs import (
    assert_same,
    gradient,
    log_probs_of,
    make,
    move,
    roll_out,
    sgrpo_settings,
    step,
    step_of,
)


class ImitateTheBest(Addition):
    """Learns from the response with the largest reward of the step as if it were a reference."""

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        term = LogLikelihood(int(step.rewards.argmax()))
        return replace(step, response_terms=(*step.response_terms, term))


class LogLikelihood:
    def __init__(self, row: int) -> None:
        self._row = row

    def of_pass(self, step: Step, tokens: PassTokens) -> Share:
        of_row = torch.tensor([place == self._row for place in tokens.places])
        loss = -tokens.log_probs[of_row].sum()
        return Share(loss, {"optim/best_nll": float(loss.detach())})

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        return {"optim/best_nll": host.over_processes(sums["optim/best_nll"])}


@pytest.mark.parametrize("passes", ["grouped", "plain"])
def test_an_addition_of_ones_own_is_learnt_from_and_logged(
    passes: str, tiny_settings: list[str], tmp_path: Path
) -> None:
    settings = [
        *sgrpo_settings(tiny_settings),
        "method.label_weight=0",
        f"engine.passes={passes}",
    ]
    plain, imitating = make(settings, tmp_path / "plain"), make(settings, tmp_path / "imitating")
    imitating._additions = [ImitateTheBest()]
    batches = []
    for trainer in (plain, imitating):
        # Plain rollouts are drawn by TRL.
        torch.manual_seed(0)
        batches.append(roll_out(trainer))
        move(trainer)
    loss, grad = step(plain, batches[0])
    # As TRL does it before an update.
    batches[1] = shuffle_sequence_dict(batches[1])
    loss_with, grad_with = step(imitating, batches[1])
    best = int(step_of(batches[1]).rewards.argmax())
    response = step_of(batches[1]).responses[best]
    plain.model.zero_grad()
    nll = -log_probs_of(plain.model, step_of(batches[1]).prompts[best], response).sum()
    nll.backward()
    torch.testing.assert_close(loss_with, loss + nll.detach(), rtol=1e-5, atol=1e-6)
    assert_same(grad_with, grad + gradient(plain))
    assert imitating._metrics["train"]["optim/best_nll"] == [pytest.approx(nll.item(), rel=1e-5)]
