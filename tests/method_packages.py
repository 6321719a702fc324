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
"""A method with rollouts: RLSR, whose trainer leaves its name in the run."""

from dataclasses import replace
from typing import Literal

from rlsr.config.method import RlsrMethod
from rlsr.engines.trl.trainers import TRAINERS


class SignedMethod(RlsrMethod):
    title = "signed RLSR"

    type: Literal["signed"] = "signed"


def make(job, policy, parts):
    (job.run.path / "signed").write_text(job.config.method.title)
    return TRAINERS["rlsr"].make(job, policy, parts)


config = SignedMethod
trainer = replace(TRAINERS["rlsr"], make=make)
'''


def write_methods(directory: Path) -> None:
    """Install both."""
    write_package(directory, "rlsr-share", SUPERVISED, rlsr_methods={"share": "rlsr_share"})
    write_package(directory, "rlsr-signed", ROLLOUTS, rlsr_methods={"signed": "rlsr_signed"})
