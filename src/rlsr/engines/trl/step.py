"""One step of a method with rollouts as data, and what a method may add to it.

A ``Step`` is made once, from a rollout and its rewards, and is never changed: an addition of a method returns another one. It says
what the update reads and what its loss is averaged over, and travels to the update in TRL's batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rlsr.config.method import AdvantageConfig, RlsrMethod
from rlsr.engines.trl.beginnings import Row, beginning_of, given_tokens
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses, rollout_responses
from rlsr.methods import GroupAdvantages, group_advantages, max_variance_subset
from rlsr.methods.advantages import Floats

STEP = "step"
"""Entry of TRL's batch with the step, once for each response: TRL shuffles and splits the entries of a batch by rows."""


class PassTokens(NamedTuple):
    """The tokens of some rows of a step after their forward pass."""

    places: list[int]
    """Which responses, or which references, of the step these are."""
    log_probs: torch.Tensor
    """(row, token): log-probabilities by the policy, with gradient."""
    is_reference: torch.Tensor
    """(row, token): whether the token is of a reference, and is learnt from."""


class Share(NamedTuple):
    """What one pass adds to a term."""

    loss: torch.Tensor
    """Its share of the loss of the step; the shares of all passes are added up."""
    sums: Mapping[str, float] = {}
    """Numbers that are added up over the passes, by the name of what is logged of them."""


class Term(Protocol):
    """A term of the loss of a step beside that of GRPO."""

    def of_pass(self, step: "Step", tokens: PassTokens) -> Share:
        """Compute the share of a pass.

        Args:
            step: The step, as all additions have made it.
            tokens: Responses, or references, of the pass.

        Returns:
            The share in this process. The gradient of several processes is the mean of theirs.
        """
        ...

    def metrics(self, sums: Mapping[str, float], host: HostOverrides) -> dict[str, float]:
        """Summarise the step.

        Args:
            sums: What the shares of this process add up to.
            host: The trainer, whose processes all ask.

        Returns:
            What is logged.
        """
        ...


@dataclass(frozen=True)
class Step:
    """A rollout, and what the update learns from it."""

    rows: Sequence[Row]
    """Rows of the dataset of this process, one a response; the responses to a prompt stand next to each other."""
    prompts: Sequence[tuple[int, ...]]
    """Token ids of the prompt of each response of this process."""
    num_generations: int
    """Responses of a prompt."""
    own: slice
    """Places of the responses of this process among those of all."""
    num_processes: int
    """How many processes train together."""
    rewards: Floats
    """Rewards of the responses of all processes; NaN is unscored."""
    selected: NDArray[np.bool_]
    """Whether the update is about a response, of all processes, be it that the response teaches something or not."""
    group: GroupAdvantages
    """Advantages of the responses of all processes."""
    given: torch.Tensor
    """(response, token) of this process: whether the token was given to the policy as the beginning of its response."""
    kept: torch.Tensor
    """(response, token) of this process: tokens that are learnt from even where their response teaches nothing."""
    num_tokens: int
    """Tokens of all processes that the loss of GRPO is averaged over: those of all selected responses. A step with few
    learnable groups is so not scaled up, and one that learns from a subset of each group is not scaled down."""
    num_responses: int
    """Responses of all processes that it is averaged over."""
    references: Responses = field(default_factory=lambda: Responses([], [], []))
    """Human answers that the update reads behind their prompts, beside the responses."""
    response_terms: tuple[Term, ...] = ()
    """What is added to the loss of GRPO, computed from the responses of a pass."""
    reference_terms: tuple[Term, ...] = ()
    """The same, computed from the references of a pass."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What is logged of the rollout."""
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """What the files of samples say of each response of this process beside its rewards."""

    @property
    def learnable(self) -> NDArray[np.bool_]:
        """Whether each response of this process teaches something."""
        return self.group.learnable[self.own]

    @property
    def tokens_per_process(self) -> float:
        """What a loss by tokens is divided by in each process, so that the mean over processes is the average."""
        return max(self.num_tokens, 1) / self.num_processes

    @property
    def responses_per_process(self) -> float:
        """What a loss by responses is divided by in each process."""
        return max(self.num_responses, 1) / self.num_processes


class Addition:
    """What a method adds to the step of GRPO. One that has nothing to add at one of the two moments inherits that method."""

    def before_rollout(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Change the rows that responses are sampled for.

        Args:
            rows: Of this process, each once for every response.

        Returns:
            As many rows.
        """
        return rows

    def after_rollout(self, step: Step, host: HostOverrides) -> Step:
        """Change what is learnt from a rollout.

        Args:
            step: As the additions before have made it.
            host: The trainer.

        Returns:
            The step with what this one adds.
        """
        return step


def make_step(
    rows: Sequence[Row],
    batch: dict[str, Any],
    rewards: Floats,
    *,
    method: RlsrMethod,
    host: HostOverrides,
) -> Step:
    """Decide what is learnt from a rollout, as the method rlsr does.

    Args:
        rows: Rows of the dataset of this process, one a response.
        batch: The rollout as TRL's batch.
        rewards: Rewards of the responses of all processes; NaN is unscored.
        method: Size of a group, subset and advantages.
        host: The trainer.

    Returns:
        The step.
    """
    size, subset = method.num_generations, method.update_subset
    selected = np.ones(len(rewards), dtype=bool)
    if subset is not None:
        selected = max_variance_subset(rewards, size, subset)
    own = host.own_rows(len(rows))
    is_token = batch["completion_mask"].bool()
    given = given_tokens([beginning_of(row["prompt"]) for row in rows], is_token)
    chosen = torch.tensor(selected[own], device=is_token.device)[:, None]
    counted = is_token & ~given & chosen
    # A response that is all beginning is none of the policy.
    responses = chosen[:, 0] & (counted.any(dim=1) | ~given.any(dim=1))
    return Step(
        rows=rows,
        prompts=rollout_responses(batch).prompts,
        num_generations=size,
        own=own,
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
    """Summarise what a rollout teaches.

    Args:
        step: As all additions have made it.
        config: How rewards become advantages.

    Returns:
        What is logged. Numbers about rewards are those of the whole rollout, whatever of it is selected.
    """
    whole = group_advantages(step.rewards, step.num_generations, config).group_std
    spread = whole[~np.isnan(whole)]
    sizes = np.abs(step.group.advantages[step.selected])
    return {
        "reward/group_std": float(spread.mean()) if spread.size else float("nan"),
        "advantage/share_without_signal": float(1 - step.group.has_signal.mean()),
        "advantage/mean_size": float(sizes.sum() / max(len(sizes), 1)),
        **step.metrics,
    }
