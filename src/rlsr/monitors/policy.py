"""What training does to the policy: its distance, its entropy, its gradients."""

import statistics
from functools import partial

from rlsr.monitors.monitor import Monitor, Rows
from rlsr.monitors.window import WINDOW, beginning, recent
from rlsr.runs.step_metrics import ENTROPY, GRADIENT_NORM, KL
from rlsr.runs.step_totals import scored

_SPIKE = 3
"""Steps of a spike: one large gradient is clipped and forgotten."""
_USUAL = 1000
"""Steps before a spike that say what is usual: their median has settled long before, and is asked for after every step."""


def entropy_lost(rows: Rows) -> float | None:
    """Say which share of its entropy the policy has lost since the first steps.

    Args:
        rows: Of a run.

    Returns:
        At most 1; below 0 where it has gained. None where there is nothing to compare.
    """
    first, last = beginning(rows, ENTROPY), recent(rows, ENTROPY)
    return None if not first or last is None else 1 - last / first


def gradient_growth(rows: Rows) -> float | None:
    """Compare the gradient norm of the last three steps with the thousand before.

    Args:
        rows: Of a run.

    Returns:
        The mean of the last over the median of those before; None where there are few, or those were 0.
    """
    norms = scored(rows[-_USUAL - _SPIKE :], GRADIENT_NORM)
    if len(norms) < WINDOW + _SPIKE:
        return None
    usual = statistics.median(norms[:-_SPIKE])
    return statistics.fmean(norms[-_SPIKE:]) / usual if usual > 0 else None


MONITORS = (
    Monitor(
        "kl",
        partial(recent, name=KL),
        warn=0.2,
        alarm=1.0,
        found="the policy is {:.2f} nats a token away from what training began with",
        meaning="KL divergence of the policy from what it was before training, in nats a token (`optim/kl`; with a KL term alone)",
        reason="at 1 nat a token a policy writes its tokens e times as likely as before, and a sentence of twenty as no policy "
        "before it; healthy runs end below .1",
        way_out="lower training.learning_rate or raise method.kl_coefficient",
    ),
    Monitor(
        "entropy",
        entropy_lost,
        warn=0.5,
        alarm=0.8,
        found="the policy has lost {:.0%} of its entropy since the first steps",
        meaning="share of its entropy in the first steps that the policy has lost (`optim/entropy`)",
        reason="healthy runs lose up to 45 %; a run at a rate twice too high lost 68 % and half of its length, and without "
        "entropy a group is one response",
        way_out="lower training.learning_rate, or stop earlier: what has no entropy explores nothing",
    ),
    Monitor(
        "gradient",
        gradient_growth,
        warn=4.0,
        alarm=10.0,
        found="the gradient norm is {:.1f} times what it was before",
        meaning="gradient norm of the last three steps over the median of the thousand before (`optim/grad_norm`)",
        reason="in healthy runs of SFT and RLSR it stays below 2; clipping bounds the step and not its direction",
        way_out="lower training.learning_rate or training.max_grad_norm",
    ),
)
"""In the order in which they are shown."""
