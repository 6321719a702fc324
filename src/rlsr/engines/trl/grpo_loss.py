"""The loss of GRPO of one pass, computed by TRL on scores that we have.

TRL's ``_compute_loss`` asks its trainer for all it needs: it has the responses scored, divides by the number of passes, gathers
from other processes what it logs, and writes that down. ``OnePass`` stands for the trainer and answers these questions for a pass
of ours. It is the only place where our values take the place of TRL's while TRL computes.
"""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch
from trl import GRPOTrainer

from rlsr.forward.token_scores import TokenScores


class OnePass:
    """A trainer of TRL as its loss sees it during one pass. All that is not said here is the trainer's, and is written to it.

    Args:
        trainer: The trainer.
        scores: What the policy thought of the responses of the pass.
        kl_coefficient: Weight of the KL divergence from the reference policy.
        num_passes: Passes of the step in this process.
        is_last: Whether this is the last one; what TRL does once a step, it does then.
    """

    def __init__(
        self,
        trainer: Any,
        scores: TokenScores,
        *,
        kl_coefficient: float,
        num_passes: int,
        is_last: bool,
    ) -> None:
        # Other processes have other numbers of passes, and would not answer.
        own_process = SimpleNamespace(
            num_processes=trainer.accelerator.num_processes,
            sync_gradients=is_last,
            gather=lambda tensor: tensor,
            gather_for_metrics=lambda tensor: tensor,
            reduce=lambda tensor, reduction: tensor,
        )
        own: dict[str, Any] = {
            "_trainer": trainer,
            "_get_per_token_logps_and_entropies": lambda *_, **__: scores,
            "_metrics": {"train": defaultdict(list)},
            "accelerator": own_process,
            "args": SimpleNamespace(**{**vars(trainer.args), "steps_per_generation": num_passes}),
            "beta": kl_coefficient,
            "current_gradient_accumulation_steps": num_passes,
        }
        vars(self).update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._trainer, name, value)


def grpo_loss(
    trainer: Any,
    batch: dict[str, Any],
    scores: TokenScores,
    *,
    num_responses: float,
    num_passes: int,
    **place: Any,
) -> tuple[torch.Tensor, dict[str, list[float]]]:
    """Compute the share of a pass in the loss of GRPO.

    Args:
        trainer: A ``trl.GRPOTrainer`` in training.
        batch: TRL's batch with the responses of the pass alone.
        scores: Of these responses.
        num_responses: Responses of the step that a loss by responses is averaged over, of a process.
        num_passes: Passes of the step in this process.
        **place: ``kl_coefficient`` and ``is_last``, as for ``OnePass``.

    Returns:
        The share, and the numbers that TRL logs of the pass.
    """
    one_pass = OnePass(trainer, scores, num_passes=num_passes, **place)
    loss: torch.Tensor = GRPOTrainer._compute_loss(one_pass, None, batch)
    if trainer.loss_type == "grpo":
        # A mean over the responses of the pass; its weight is their share of those of a process.
        loss = loss * (num_passes * len(batch["advantages"]) / num_responses)
    return loss, one_pass._metrics["train"]
