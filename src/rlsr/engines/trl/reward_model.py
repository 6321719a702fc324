"""Bradley-Terry reward models on TRL's RewardTrainer: pairs in passes as long as memory allows.

Each override has a contract test in tests/invariant/test_reward_model.py:

- ``_prepare_dataset``: the pairs are encoded by us, as evaluation encodes them;
- ``compute_loss``: the loss of ``rlsr.methods.bradley_terry`` over passes that keep pairs together.

What all trainers share is in ``rlsr.engines.trl.host``.
"""

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from trl import RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference

from rlsr.config.preference import RewardModelMethod
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.engines.trl.host import HostOverrides, Passes
from rlsr.engines.trl.padded import Responses
from rlsr.methods.bradley_terry import bradley_terry_losses, score_metrics
from rlsr.models.scoring import ScoredPair, encode_pair, pairs_of_passes, score_rows


class RewardModelTrainer(HostOverrides, RewardTrainer):
    """TRL's trainer of reward models with our passes.

    Args:
        config: The resolved config, of the method reward_model.
        **kwargs: As for ``HostOverrides`` and ``trl.RewardTrainer``; rows and collator are those of this file.
    """

    can_share_prompts = False

    def __init__(self, *, config: RunConfig, **kwargs: Any) -> None:
        assert isinstance(config.method, RewardModelMethod), "this trainer is of reward models"
        self._method = config.method
        super().__init__(config=config, **kwargs)

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """Compute the loss of a step's pairs and its gradient, pass by pass.

        Args:
            model: The scorer.
            inputs: Tables of ``ScoredPairCollator``.
            return_outputs: As in TRL, not supported.
            num_items_in_batch: Not used; the pairs are counted here.

        Returns:
            The mean over the pairs, without a way back to the weights.
        """
        model = self.bare(model)
        pairs = _without_padding(inputs)
        self.num_trained_tokens = int(inputs["response_tokens"].sum())
        scores = torch.zeros(2, len(pairs), device=self.accelerator.device)

        def loss_of(part: list[int]) -> torch.Tensor:
            rows = [*(pairs[row].chosen for row in part), *(pairs[row].rejected for row in part)]
            found = score_rows(model, rows, self.processing_class.pad_token_id).float().view(2, -1)
            scores[:, part] = found.detach()
            losses = bradley_terry_losses(*found, centering=self._method.centering)
            return losses.sum() / len(pairs)

        def prepare() -> Passes:
            return pairs_of_passes(pairs, tokens_per_pass=self._tokens_per_pass), loss_of

        # Where memory is not enough no pass can be smaller than a pair.
        both = [[*pair.chosen, *pair.rejected] for pair in pairs]
        total = self.backward_by_parts(model, Responses.of([()] * len(pairs), both), prepare)
        for name, value in score_metrics(*scores).items():
            # Every process has as many pairs.
            self._metrics["train"][name].append(self.mean_over_processes(value))
        return total


def as_scored_pairs(
    records: Sequence[PromptRecord], tokenizer: Any, *, max_response_tokens: int
) -> Dataset:
    """Encode records for the training of a scorer.

    Args:
        records: The training prompts, each with a rejected answer.
        tokenizer: The scorer's.
        max_response_tokens: Longest answer, with what the template writes behind it; a longer one is cut.

    Returns:
        Rows of ``chosen_ids`` and ``rejected_ids``, the prompt in both, as ``trl.RewardTrainer`` has them, and of
        ``response_tokens``, those that only one of the two has.
    """

    def row_of(record: PromptRecord) -> dict[str, Any]:
        pair = encode_pair(tokenizer, record, max_response_tokens=max_response_tokens)
        own = len(pair.chosen) + len(pair.rejected) - 2 * _num_shared(pair)
        return {"chosen_ids": pair.chosen, "rejected_ids": pair.rejected, "response_tokens": own}

    return Dataset.from_list([row_of(record) for record in records])


class ScoredPairCollator:
    """Puts pairs into tables as ``trl.RewardTrainer`` does: all better answers, then all worse ones.

    Args:
        pad_id: Token of the padding.
    """

    def __init__(self, pad_id: int) -> None:
        self._collate = DataCollatorForPreference(pad_id)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad pairs.

        Args:
            rows: Of the dataset.

        Returns:
            ``input_ids`` and ``attention_mask`` of twice as many rows, and ``response_tokens``, one number a pair.
        """
        tables: dict[str, torch.Tensor] = self._collate(list(rows))
        return {**tables, "response_tokens": torch.tensor([row["response_tokens"] for row in rows])}


def _without_padding(inputs: dict[str, Any]) -> list[ScoredPair]:
    texts = [
        [token for token, keep in zip(*row, strict=True) if keep]
        for row in zip(inputs["input_ids"].tolist(), inputs["attention_mask"].tolist(), strict=True)
    ]
    half = len(texts) // 2
    return [ScoredPair(*pair) for pair in zip(texts[:half], texts[half:], strict=True)]


def _num_shared(pair: ScoredPair) -> int:
    """Count the tokens that both texts begin with."""
    both = list(zip(*pair, strict=False))
    return next((place for place, (one, other) in enumerate(both) if one != other), len(both))
