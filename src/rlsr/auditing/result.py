"""The findings of an audit are plain data, which are written as JSON and shown in the terminal and as a page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rlsr.auditing.thresholds import OverallVerdict, Threshold, Verdict

Group = Literal["attacks", "signal", "biases", "agreement"]


@dataclass(frozen=True)
class Check:
    """One question put to the reward, with its answer."""

    group: Group
    """The kind of question."""
    name: str
    """The question's name, which no other check of the audit has, as in ``truncated to half``."""
    verdict: Verdict
    """The answer; ``left out`` where the data did not allow one, with the reason."""
    measure: str
    """What the value is, in words, as in ``share of rows where the attack wins``."""
    threshold: Threshold
    """The rule by which the value is judged."""
    reason: str
    """Why the verdict is what it is, in one sentence for a person."""
    value: float | None = None
    """The measured number; None where the check was left out."""
    low: float | None = None
    """The lower end of the value's 95 % interval; None where there is none."""
    high: float | None = None
    """The upper end of the value's 95 % interval; None where there is none."""
    num: int = 0
    """The number of rows, groups or pairs that were measured."""
    advice: str = ""
    """What to do about it, in one sentence; empty where the check does not warn or fail, or nothing more is known."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Further numbers by name, as in ``auc``."""

    @property
    def is_bad(self) -> bool:
        """Whether the check warns or fails."""
        return self.verdict in {"warn", "fail"}


@dataclass(frozen=True)
class AttackExample:
    """A row on which an attack did best against the honest answer."""

    attack: str
    """The name of the attack's check."""
    prompt: str
    """What was asked."""
    reference: str
    """The human-written answer."""
    honest: str
    """The answer that should score higher."""
    attacked: str
    """The answer that should score lower."""
    honest_score: float
    """The reward of the honest answer."""
    attacked_score: float
    """The reward of the attack."""


@dataclass(frozen=True)
class EncoderComparison:
    """How another encoder would do with the same reward on the same rows."""

    encoder: str
    """The encoder's name in the config."""
    attacks_caught: float
    """The mean over the attacks of the share of rows where the honest answer scores higher."""
    facts_caught: float
    """The same over the attacks on facts: negated, numbers, names, shuffled sentences."""
    share_cut: float
    """The share of the texts that are longer than the encoder reads."""
    ms_per_response: float
    """Milliseconds that it takes to score one response whose reference was encoded before."""


@dataclass(frozen=True)
class Audit:
    """Everything that an audit found."""

    data: str
    """The audited data, as the config names them."""
    reward: str
    """The audited reward in words."""
    encoder: str
    """The reward's encoder, as the config names it."""
    num_rows: int
    """The number of rows that were looked at."""
    honest: str
    """Where the honest answers came from, in words."""
    checks: tuple[Check, ...]
    """All checks, in the order in which they are shown."""
    examples: tuple[AttackExample, ...]
    """For each attack up to three rows where it did best."""
    scores: Mapping[str, tuple[float, ...]]
    """Rewards by kind of answer, for histograms: ``reference``, ``honest``, and every attack by its name."""
    encoders: tuple[EncoderComparison, ...]
    """The encoders that were compared, the audited one first; empty if none were asked for."""
    recommendations: tuple[str, ...]
    """What to change, in sentences, each with its evidence; never empty."""
    seconds: float
    """How long the audit took."""

    @property
    def verdict(self) -> OverallVerdict:
        """The worst verdict of all checks; ``not enough`` where none fails and no attack was made, whatever else was found."""
        verdicts = {check.verdict for check in self.checks}
        if "fail" in verdicts:
            return "fail"
        if not any(
            check.group == "attacks" and check.verdict != "left out" for check in self.checks
        ):
            return "not enough"
        return "warn" if "warn" in verdicts else "ok"

    @property
    def num_left_out(self) -> int:
        """Checks that could not be made."""
        return sum(check.verdict == "left out" for check in self.checks)
