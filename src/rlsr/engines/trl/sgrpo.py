"""S-GRPO: what the method rlsr learns from, and the label of every prompt in the same step.

A label is the reference of a row. In passes by groups it stands behind its prompt as one more response; in plain ones labels have
passes of their own. What is overridden here are methods of ``RlsrTrainer``, and of TRL:

- ``_generate_and_score_completions``: keeps the labels of the rows of a step;
- ``_get_per_token_logps_and_entropies``: hands TRL the log-probabilities of a pass that holds labels, too.
"""

import sys
from typing import Any

import numpy as np
import torch

from rlsr.config.method import SgrpoMethod
from rlsr.config.run import RunConfig
from rlsr.engines.schedule import rate_factor
from rlsr.engines.trl.guided import GuidedTrainer
from rlsr.engines.trl.labels import LABEL_COLUMN, LABEL_TEMPERATURE, GroupShare, LabelTerm
from rlsr.engines.trl.padded import Responses, rollout_responses
from rlsr.engines.trl.passes import micro_batches, score_responses
from rlsr.engines.trl.reference import reference_policy
from rlsr.engines.trl.reward_function import RECORD_COLUMN
from rlsr.engines.trl.trainer import NUM_RESPONSES, Flags, Floats
from rlsr.forward.token_scores import TokenScores
from rlsr.methods import GroupAdvantages
from rlsr.methods.label_advantages import advantages_with_labels


class SgrpoTrainer(GuidedTrainer):
    """``RlsrTrainer`` with a supervised term.

    Args:
        config: The resolved config, of the method sgrpo.
        reference: The policy before training, where the labels alone need it and it is a model of its own; None where it is
            the one that TRL keeps, or the policy with other adapters.
        **kwargs: As for ``RlsrTrainer``; the dataset has the column of the labels.
    """

    _method: SgrpoMethod

    def __init__(self, *, config: RunConfig, reference: Any | None, **kwargs: Any) -> None:
        assert isinstance(config.method, SgrpoMethod), "this trainer is of one method"
        self._reference = reference
        self._label_rewards: Floats = np.empty(0)
        self._label_advantages: Floats = np.empty(0)
        self.labels = LabelTerm(config.method, Responses([], [], []))
        self._scores_of_pass: TokenScores | None = None
        super().__init__(config=config, **kwargs)

    @property
    def label_weight(self) -> float:
        """Weight of the supervised term in the step that is being taken."""
        return self._method.initial_label_weight * rate_factor(
            int(self.state.global_step),
            warmup_steps=0,
            num_steps=int(self.args.max_steps),
            schedule=self._method.label_schedule,
        )

    @property
    def _labels_share_passes(self) -> bool:
        """Whether a label can stand behind its prompt beside the responses: a pass has one temperature."""
        return self.by_groups and self.temperature == LABEL_TEMPERATURE

    # --- a rollout and its labels -----------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        one_a_group = inputs[:: self.num_generations]
        if self._method.label_in_group:
            self._label_rewards = self.timed(
                "reward",
                lambda: self._reward_function.reference_rewards(
                    [row[RECORD_COLUMN] for row in one_a_group]
                ),
            )
        output = super()._generate_and_score_completions(inputs)
        if self._method.reads_labels:
            # Before TRL shuffles the rollout.
            prompts = rollout_responses(output).prompts[:: self.num_generations]
            rows = Responses.of(prompts, [row[LABEL_COLUMN] for row in one_a_group])
            self.labels = self._label_term(rows, output)
        return output

    def _compare(self, rewards: Floats) -> GroupAdvantages:
        if not self._method.label_in_group:
            return super()._compare(rewards)
        found = advantages_with_labels(
            rewards, self._label_rewards, self.num_generations, self._method.advantage
        )
        self._label_advantages = found.labels
        return found.responses

    def _log_advantages(self, group: GroupAdvantages, selected: Flags, rewards: Floats) -> None:
        super()._log_advantages(group, selected, rewards)
        if self._method.label_in_group:
            scored = self._label_rewards[~np.isnan(self._label_rewards)]
            mean = float(scored.mean()) if scored.size else float("nan")
            self._metrics["train"]["reward/label"].append(mean)
            self._metrics["train"]["advantage/label"].append(float(self._label_advantages.mean()))

    def _label_term(self, rows: Responses, output: dict[str, Any]) -> LabelTerm:
        """Collect what the loss needs of labels, and count those that are responses of their groups in its average."""
        before, share = None, None
        num_processes = self.accelerator.num_processes
        if self._method.compares_labels:
            before = self.timed("reference", lambda: self._log_probs_before(rows))
        if self._method.label_in_group:
            own = self.own_rows(len(rows.responses))
            scored = ~np.isnan(self._label_rewards[own])
            tokens = int(np.array(rows.response_lengths)[scored].sum())
            output["num_items_in_batch"] = output["num_items_in_batch"] + int(
                self.over_processes(tokens)
            )
            output[NUM_RESPONSES] = output[NUM_RESPONSES] + int(
                self.over_processes(int(scored.sum()))
            )
            share = GroupShare(
                self._label_advantages[own],
                num_tokens=int(output["num_items_in_batch"]) / num_processes,
                num_responses=int(output[NUM_RESPONSES]) / num_processes,
            )
        num_tokens = self.over_processes(sum(rows.response_lengths)) / num_processes
        return LabelTerm(self._method, rows, before, num_tokens, share)

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def _log_probs_before(self, rows: Responses) -> torch.Tensor:
        policy = self.accelerator.unwrap_model(self.model)
        own = self.ref_model if self._reference is None else self._reference
        with reference_policy(policy, own) as reference:
            return score_responses(
                reference,
                rows,
                by_groups=self.by_groups,
                max_tokens=self._max_tokens,
                num_columns=max(rows.response_lengths),
                temperature=LABEL_TEMPERATURE,
                with_entropy=False,
            ).log_probs

    # --- the loss ---------------------------------------------------------------------------------

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Compute the loss of a rollout and of the labels of its prompts, and its gradient, pass by pass.

        Args:
            model: The policy.
            inputs: TRL's batch, a whole rollout.
            *args: As for ``RlsrTrainer``.
            **kwargs: As for ``RlsrTrainer``.

        Returns:
            The loss of GRPO plus the label weight times the mean loss of a label token, without a way back to the weights.
        """
        self.labels.start(self.label_weight)
        total = super().compute_loss(model, inputs, *args, **kwargs)
        for name, value in self.labels.metrics().items():
            mean = self.over_processes(value) / self.accelerator.num_processes
            self._metrics["train"][name].append(mean)
        return total

    def _rows_of_a_step(self, inputs: dict[str, Any]) -> Responses:
        return super()._rows_of_a_step(inputs).followed_by(self.labels.rows)

    def _passes(self, rows: Responses, num_responses: int) -> list[list[int]]:
        if self._labels_share_passes:
            return super()._passes(rows, num_responses)
        places = range(len(rows.responses))
        # What TRL does once a step, at the last pass, is about the rollout.
        kinds = [list(places[num_responses:]), list(places[:num_responses])]
        return [
            [kind[row] for row in part]
            for kind in kinds
            for part in micro_batches(
                rows.take(kind), max_tokens=self._max_tokens, by_groups=self.by_groups
            )
        ]

    def _loss_of_a_pass(
        self, model: Any, inputs: dict[str, Any], rows: Responses, part: list[int]
    ) -> torch.Tensor:
        first_label = len(inputs["completion_ids"])
        responses = [row for row in part if row < first_label]
        labels = [row for row in part if row >= first_label]
        if not labels:
            return super()._loss_of_a_pass(model, inputs, rows, responses)
        both = rows.take([*responses, *labels])
        scores = score_responses(
            model,
            both,
            by_groups=self.by_groups,
            # It is one pass.
            max_tokens=sys.maxsize,
            num_columns=max(both.response_lengths),
            temperature=LABEL_TEMPERATURE,
            with_entropy=bool(responses),
        )
        number = len(responses)
        loss = self.labels.loss([row - first_label for row in labels], scores.log_probs[number:])
        if responses:
            assert scores.entropy is not None, "asked for"
            self._scores_of_pass = TokenScores(scores.log_probs[:number], scores.entropy[:number])
            try:
                loss = loss + super()._loss_of_a_pass(model, inputs, rows, responses)
            finally:
                self._scores_of_pass = None
        return loss

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        scores = self._scores_of_pass
        if scores is None:
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **kwargs
            )
        assert scores.entropy is not None, "asked for"
        self._log_probs_of_pass = scores.log_probs[:, :logits_to_keep]
        return scores.log_probs[:, :logits_to_keep], scores.entropy[:, :logits_to_keep], None
