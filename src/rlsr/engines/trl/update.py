"""The update of a step: its responses and references in passes, and what their loss adds up to."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from rlsr.engines.trl.grpo_loss import grpo_loss
from rlsr.engines.trl.host import HostOverrides
from rlsr.engines.trl.padded import Responses, rollout_responses, take_rows, token_mask
from rlsr.engines.trl.passes import micro_batches
from rlsr.engines.trl.step import PLACE, STEP, PassTokens, Step, Term
from rlsr.forward.token_scores import TokenScores

PASS_METRICS = ("kl", "entropy")
"""Means over the tokens of a pass that TRL logs; averaged over passes by their tokens."""


def rows_of_update(batch: dict[str, Any]) -> Responses:
    """List what an update reads: the responses of TRL's batch with the step, then its references."""
    step: Step = batch[STEP][0]
    return rollout_responses(batch).followed_by(step.references)


class Update:
    """The loss of a step as a sum over passes.

    Args:
        trainer: A trainer of ours that extends TRL's ``GRPOTrainer``.
        batch: TRL's batch with the step.
        score: Scores rows by the policy in one pass; it is told whether responses are among them.
        kl_coefficient: Weight of the KL divergence from the reference policy.
        tokens_per_pass: Tokens of a pass.
        mixed: Whether a pass may hold both responses and references.
    """

    def __init__(
        self,
        trainer: HostOverrides,
        batch: dict[str, Any],
        score: Callable[[Responses, bool], TokenScores],
        *,
        kl_coefficient: float,
        tokens_per_pass: int,
        mixed: bool,
    ) -> None:
        self._trainer = trainer
        self._batch = batch
        self._score = score
        self._kl_coefficient = kl_coefficient
        self._step: Step = batch[STEP][0]
        self.rows = rows_of_update(batch)
        places = list(range(len(self.rows.responses)))
        num_responses = len(self._step.rows)
        # What TRL does once a step, at the last pass, is about responses.
        kinds = [places] if mixed else [places[num_responses:], places[:num_responses]]
        self.passes = [
            [kind[row] for row in part]
            for kind in kinds
            for part in micro_batches(
                self.rows.take(kind), tokens_per_pass=tokens_per_pass, by_groups=trainer.by_groups
            )
        ]
        self._num_passes = sum(min(part) < num_responses for part in self.passes)
        self.log_probs = torch.zeros_like(batch["completion_mask"], dtype=torch.float32)
        """(response, token): what the policy thought before this update; 0 where nothing was asked."""
        self._logged: list[tuple[int, dict[str, list[float]]]] = []
        self._sums: dict[str, float] = defaultdict(float)

    def loss_of(self, part: list[int]) -> torch.Tensor:
        """Compute the share of one of ``passes``: numbers of ``rows``, of which the responses are the first."""
        first_reference = len(self._step.rows)
        responses = [row for row in part if row < first_reference]
        references = [row for row in part if row >= first_reference]
        scores = self._score(self.rows.take(part), bool(responses))

        def cut(table: torch.Tensor, rows: list[int]) -> torch.Tensor:
            """Take rows of one kind, no wider than the longest of them."""
            width = max(len(self.rows.responses[row]) for row in rows)
            return table[[part.index(row) for row in rows], :width]

        losses = []
        if references:
            log_probs = cut(scores.log_probs, references)
            places = [row - first_reference for row in references]
            losses.append(self._loss_of_references(places, log_probs))
        if responses:
            assert scores.entropy is not None, "TRL logs it"
            own = TokenScores(
                cut(scores.log_probs, responses), cut(scores.entropy, responses), scores.aux_loss
            )
            is_last = part is self.passes[-1]
            losses.append(self._loss_of_responses(responses, own, is_last=is_last))
        return sum(losses[1:], losses[0])

    def _loss_of_references(self, references: list[int], log_probs: torch.Tensor) -> torch.Tensor:
        lengths = [len(self._step.references.responses[row]) for row in references]
        tokens = PassTokens(references, log_probs, token_mask(lengths, log_probs))
        first, *others = self._shares(self._step.reference_terms, tokens)
        return sum(others, first)

    def _loss_of_responses(
        self, responses: list[int], scores: TokenScores, *, is_last: bool
    ) -> torch.Tensor:
        found = scores.log_probs.detach()
        self.log_probs[responses, : found.shape[1]] = found.float()
        batch = take_rows(self._batch, responses)
        loss, logged = grpo_loss(
            self._trainer,
            batch,
            scores,
            num_responses=self._step.responses_per_process,
            num_passes=self._num_passes,
            kl_coefficient=self._kl_coefficient,
            is_last=is_last,
        )
        is_own = batch["completion_mask"] * batch.get("tool_mask", 1)
        self._logged.append((int(is_own.sum()), logged))
        is_reference = (batch["completion_mask"] - is_own).bool()
        tokens = PassTokens(batch[PLACE].tolist(), scores.log_probs, is_reference)
        return sum(self._shares(self._step.response_terms, tokens), loss)

    def _shares(self, terms: Iterable[Term], tokens: PassTokens) -> Iterator[torch.Tensor]:
        for term in terms:
            share = term.of_pass(self._step, tokens)
            for name, number in share.sums.items():
                self._sums[name] += number
            yield share.loss

    def metrics(self) -> dict[str, list[float]]:
        """Say what is logged: what TRL finds in each pass, means over tokens averaged by these, and what the terms say."""
        found: dict[str, list[float]] = defaultdict(list)
        for _, logged in self._logged:
            for name, values in logged.items():
                found[name] += values
        num_tokens = self._trainer.over_processes(sum(tokens for tokens, _ in self._logged))
        for name in PASS_METRICS:
            weighted = [
                logged[name][0] * tokens for tokens, logged in self._logged if name in logged
            ]
            was_logged = self._trainer.over_processes(len(weighted)) > 0
            total = self._trainer.over_processes(sum(weighted))
            found[name] = [total / max(num_tokens, 1)] if was_logged else []
        for term in (*self._step.response_terms, *self._step.reference_terms):
            for name, value in term.metrics(self._sums, self._trainer).items():
                found[name].append(value)
        return found
