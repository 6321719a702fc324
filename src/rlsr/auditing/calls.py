"""What an audit will ask of a server: its questions are put to a reward that writes them down and answers nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.auditing.run import AuditJob, run_audit
from rlsr.config.remote import ChatEndpoint
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError
from rlsr.remote.chat import ANSWERS
from rlsr.remote.kept_answers import num_to_ask
from rlsr.rewards import Reward, RewardBatch, RewardResult, reward_kind
from rlsr.runs.cache import cache_directory


class _Listing(Reward):
    """Writes down what a reward would ask."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self.questions: dict[str, list[Mapping[str, Any]]] = {}

    def score(self, batch: RewardBatch) -> RewardResult:
        """List the questions, and score everything alike, so that whatever depends on scores is asked about."""
        for setting, bodies in reward_kind(self._config).questions(self._config, batch).items():
            self.questions.setdefault(setting, []).extend(bodies)
        return RewardResult(np.zeros(len(batch)))


@dataclass(frozen=True)
class AuditCalls:
    """How much an audit asks of one server."""

    setting: str
    """Where the config names the server."""
    endpoint: ChatEndpoint
    """Of which server."""
    num_questions: int
    """Questions about all texts, equal ones included."""
    num_calls: int
    """Those that go to the server: equal ones once, and none whose answer is kept from before."""

    @property
    def in_words(self) -> str:
        """Say it to people."""
        return (
            f"{self.endpoint.model} at {self.endpoint.url} will be asked {self.num_calls:,} questions, each once: there are "
            f"{self.num_questions:,} about all texts, and the others are equal or were answered before"
        )


def audit_calls(job: AuditJob) -> list[AuditCalls]:
    """Count what an audit will ask, without asking.

    Args:
        job: Rows, honest answers, samples and settings.

    Returns:
        The count for each server that the reward asks.
    """
    endpoints = reward_kind(job.config).endpoints(job.config)
    if not endpoints:
        return []
    listing = _Listing(job.config)
    run_audit(job, [(job.config.embedding.model, lambda: listing)])
    found = []
    for setting, endpoint in endpoints.items():
        questions = listing.questions.get(setting, [])
        num_calls = num_to_ask(questions, cache_directory(ANSWERS), endpoint)
        found.append(AuditCalls(setting, endpoint, len(questions), num_calls))
    return found


def require_within_budget(calls: AuditCalls) -> None:
    """Refuse an audit that its budget would end before it has found anything, while nothing is spent.

    Args:
        calls: What it will ask.

    Raises:
        ConfigError: These are more than the budget allows.
    """
    limit = calls.endpoint.budget.calls
    if limit is not None and calls.num_calls > limit:
        raise ConfigError(
            f"{calls.setting}.budget.calls: the audit takes {calls.num_calls:,} calls, got {limit:,}; raise it, or look at less with "
            "--rows, --answer-prompts, --sample-prompts or --samples"
        )
