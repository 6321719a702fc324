"""One step of a method with rollouts as data, or one mini-batch of it, and what a method may add to it.

A ``Step`` is made once, from a rollout and its rewards, and is never changed: an addition returns another one. It says what the
update reads and what its loss is averaged over, and travels to the update in TRL's batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rlsr.config.method import AdvantageConfig, RlsrMethod
from rlsr.engines.trl.beginnings import Beginning, given_tokens
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses, rollout_responses
from rlsr.methods import GroupAdvantages, group_advantages, max_variance_subset
from rlsr.methods.advantages import Floats

STEP = "step"
"""Entry of TRL's batch with the step, once for each response: TRL shuffles and splits the entries of a batch by rows."""

OLD_LOG_PROBS = "old_per_token_logps"
"""TRL's name for the log-probabilities that ratios are taken from; without them it takes those of the pass, as on-policy."""

PLACE = "place"
"""Entry of TRL's batch with the place of each response among those of the step, so that it is known after the shuffle."""

GIVEN_COLUMN = "given_ids"
"""Dataset column with the tokens of an answer that stand behind its prompt, where a row is about what follows them."""

Row = Mapping[str, Any]
"""A row of the dataset, as TRL reads it."""


class PassTokens(NamedTuple):
    """The tokens of some responses, or of some references, after their forward pass."""

    places: list[int]
    """Which responses or references of the step these are."""
    log_probs: torch.Tensor
    """(row, token): log-probabilities by the policy, with gradient."""
    is_reference: torch.Tensor
    """(row, token): whether the token is one of a reference and is learnt from."""


class Share(NamedTuple):
    """What one pass adds to a term."""

    loss: torch.Tensor
    """Its share of the loss of the step in this process; the gradient of several processes is the mean of theirs."""
    sums: Mapping[str, float] = {}
    """Numbers that are added up over the passes, by the name of what is logged of them."""


class Term(Protocol):
    """A term of the loss of a step beside that of GRPO."""

    def of_pass(self, step: "Step", tokens: PassTokens) -> Share:
        """Compute the share of a pass; ``step`` is as all additions have made it."""
        ...

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Say what is logged of the step, given the sums over the passes of this process; all processes ask."""
        ...


@dataclass(frozen=True)
class Step:
    """A rollout, and what the update learns from it. Tables are of this process: (response, token)."""

    rows: Sequence[Row]
    """Rows of the dataset of this process, one a response; the responses to a prompt stand next to each other."""
    prompts: Sequence[tuple[int, ...]]
    """Token ids of the prompt of each of these."""
    responses: Sequence[list[int]]
    """Token ids of each of these, what it was begun with included."""
    beginnings: Sequence[Beginning]
    """What each of these was begun with."""
    own: slice
    """Their places among those of all processes."""
    num_generations: int
    """Responses of a prompt."""
    num_processes: int
    """How many processes train together."""
    rewards: Floats
    """Rewards of the responses of all processes; NaN is unscored."""
    selected: NDArray[np.bool_]
    """Whether the update is about a response, whether that teaches something or not; of all processes."""
    group: GroupAdvantages
    """Advantages of the responses of all processes."""
    given: torch.Tensor
    """Tokens that were given to the policy."""
    kept: torch.Tensor
    """Tokens that are learnt from even where their response teaches nothing."""
    num_tokens: int
    """Tokens of all processes that the loss of GRPO is averaged over: those of all selected responses. A step with few
    learnable groups is so not scaled up, and one that learns from a subset of each group is not scaled down."""
    num_responses: int
    """Responses of all processes that it is averaged over."""
    mini_batch: int = 0
    """Which part of the rollout this is, from 0."""
    token_advantages: torch.Tensor | None = None
    """Advantages of the tokens of this process, where those of a response are not all the same."""
    references: Responses = field(default_factory=lambda: Responses([], [], []))
    """Human answers that the update reads behind their prompts, beside the responses; of this process."""
    response_terms: tuple[Term, ...] = ()
    """What is added to the loss of GRPO and computed from the responses of a pass."""
    reference_terms: tuple[Term, ...] = ()
    """What is added to it and computed from the references of a pass."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What is logged of the rollout."""
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What the files of samples say of each response of this process beside its rewards."""

    @property
    def tokens_per_process(self) -> float:
        """What a loss by tokens is divided by in each process, so that the mean over processes is the average."""
        return max(self.num_tokens, 1) / self.num_processes

    @property
    def responses_per_process(self) -> float:
        """What a loss by responses is divided by in each process."""
        return max(self.num_responses, 1) / self.num_processes


class Addition:
    """What a method adds to the step of GRPO."""

    def begin(self, rows: Sequence[Row], beginnings: Sequence[Beginning]) -> Sequence[Beginning]:
        """Say what the responses to the rows of a step begin with, where it is not the policy that says so."""
        return beginnings

    def end(self, response: list[int], host: HostOverrides) -> list[int]:
        """Say where a response ends that was sampled; what stands behind counts as never written."""
        return response

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Return the step with what this addition changes; ``host`` is the trainer."""
        return step


def make_step(
    rows: Sequence[Row],
    beginnings: Sequence[Beginning],
    batch: dict[str, Any],
    rewards: Floats,
    *,
    method: RlsrMethod,
    host: HostOverrides,
) -> Step:
    """Decide what is learnt from a rollout, as the method rlsr does.

    Args:
        rows: Rows of the dataset of this process, one a response.
        beginnings: What the responses were begun with.
        batch: The rollout as TRL's batch.
        rewards: Rewards of the responses of all processes; NaN is unscored.
        method: Size of a group, subset and advantages.
        host: The trainer.

    Returns:
        The step without additions.
    """
    size, subset = method.num_generations, method.update_subset
    selected = np.ones(len(rewards), dtype=bool)
    if subset is not None:
        selected = max_variance_subset(rewards, size, subset)
    own = host.own_rows(len(rows))
    is_token = batch["completion_mask"].bool()
    given = given_tokens(beginnings, is_token)
    chosen = torch.tensor(selected[own], device=is_token.device)[:, None]
    counted = is_token & ~given & chosen
    # A response that is all beginning is none of the policy.
    responses = chosen[:, 0] & (counted.any(dim=1) | ~given.any(dim=1))
    written = rollout_responses(batch)
    return Step(
        rows=rows,
        prompts=written.prompts,
        responses=written.responses,
        beginnings=beginnings,
        own=own,
        num_generations=size,
        num_processes=host.accelerator.num_processes,
        rewards=rewards,
        selected=selected,
        group=group_advantages(np.where(selected, rewards, np.nan), size, method.advantage),
        given=given,
        kept=torch.zeros_like(given),
        num_tokens=int(host.over_processes(int(counted.sum()))),
        num_responses=int(host.over_processes(int(responses.sum()))),
    )


def step_metrics(step: Step, config: AdvantageConfig) -> dict[str, float]:
    """Say what is logged of a rollout; numbers about rewards are those of all responses, whatever is selected."""
    whole = group_advantages(step.rewards, step.num_generations, config).group_std
    spread = whole[~np.isnan(whole)]
    sizes = np.abs(step.group.advantages[step.selected])
    return {
        "reward/group_std": float(spread.mean()) if spread.size else float("nan"),
        "advantage/share_without_signal": float(1 - step.group.has_signal.mean()),
        "advantage/mean_size": float(sizes.sum() / max(len(sizes), 1)),
        **step.metrics,
    }
