"""The run's reward as verl's manager of rewards: asked response by response, it scores them in batches.

verl loads this file by its path (``reward.reward_manager.module.path``). A function that verl calls a custom reward gets a text and no
tokens; a manager gets the tokens as well, so that the reward sees what it sees with the engine ``trl``.
"""

import json
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from rlsr.engines.verl.batching import Batcher
from rlsr.engines.verl.exchange import Exchange
from rlsr.engines.verl.inside.run import this_run
from rlsr.engines.verl.prompts import record_of
from rlsr.rewards import RewardBatch, open_reward

LARGEST_BATCH = 256
"""Responses of one call of the reward."""


class BatchedReward(RewardManagerBase):
    """Opens the reward of the run and scores what comes together in one call.

    Args:
        config: verl's.
        tokenizer: The policy's.
        compute_score: verl's own functions, which are not asked.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any, **_: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        self._reward = open_reward(this_run().config, "cpu")
        self._batcher = Batcher(self._score, max_size=LARGEST_BATCH, wait_s=0.02)

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score one response, which is the last one where there are several.

        Args:
            data: verl's, with the tokens of the response and what the row of the data says.
        """
        row = data[-1:][0]
        padded, mask = row.batch["responses"], row.batch["attention_mask"]
        tokens = padded[: int(mask[-len(padded) :].sum())].tolist()
        record = record_of(row.non_tensor_batch["extra_info"]["record"])
        return await self._batcher.ask((record, tokens))

    def _score(self, questions: Sequence[tuple[Any, list[int]]]) -> list[dict[str, Any]]:
        tokens = [own for _, own in questions]
        batch = RewardBatch(
            [record for record, _ in questions],
            self.tokenizer.batch_decode(tokens, skip_special_tokens=True),
            [not this_run().stop_ids.isdisjoint(own) for own in tokens],
            tokens,
        )
        try:
            result = self._reward.score(batch)
        except Exception:
            # verl would take another prompt in its place.
            Exchange.of_this_process().failure_file.write_text(
                traceback.format_exc(), encoding="utf-8"
            )
            raise
        return [
            {
                "reward_score": float(result.scores[place]),
                "reward_extra_info": {"rlsr": _details(result, place)},
            }
            for place in range(len(questions))
        ]


def _details(result: Any, place: int) -> str:
    """Write what the reward says of a response beside its score."""
    components = {name: float(values[place]) for name, values in result.components.items()}
    return json.dumps(
        {
            "components": {
                name: None if np.isnan(value) else value for name, value in components.items()
            },
            "texts": {name: texts[place] for name, texts in result.texts.items()},
        }
    )
