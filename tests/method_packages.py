"""Methods that other packages add, for tests: one learns from the references, one from rollouts."""

from pathlib import Path

from plugin_packages import write_package

SUPERVISED = '''
"""A supervised method: every token of the reference counts a share."""

from typing import Literal

import torch
from pydantic import Field

from rlsr.config.supervised import ReferenceMethod


class ShareMethod(ReferenceMethod):
    title = "share of SFT"
    paper = "2101.00001"

    type: Literal["share"] = "share"
    share: float = Field(default=0.5, gt=0)


config = ShareMethod


def weights(method, tokens):
    return torch.full_like(tokens.log_probs, method.share)
'''

ROLLOUTS = '''
"""A method with rollouts: RLSR that writes down the best reward of a step."""

from dataclasses import replace
from typing import Literal

import numpy as np

from rlsr.config.method import RlsrMethod
from rlsr.engines.trl.trainers import rollout_trainer


class BestMethod(RlsrMethod):
    title = "RLSR with its best"

    type: Literal["best"] = "best"


def additions(method, reward_function):
    from rlsr.engines.trl.step import Addition

    class LogBest(Addition):
        def after_rollout(self, step, host):
            metrics = {**step.metrics, "reward/best": float(np.nanmax(step.rewards))}
            return replace(step, metrics=metrics)

    return [LogBest()]


config = BestMethod
trainer = rollout_trainer(additions)
'''


def write_methods(directory: Path) -> None:
    """Install both."""
    write_package(directory, "rlsr-share", SUPERVISED, rlsr_methods={"share": "rlsr_share"})
    write_package(directory, "rlsr-best", ROLLOUTS, rlsr_methods={"best": "rlsr_best"})
