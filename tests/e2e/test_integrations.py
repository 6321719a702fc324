"""The reward inside of trainers that are not ours."""

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_a_trainer_of_trl_learns_from_the_reward(tiny_model: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from rlsr.integrations import trl_reward

    rows = [
        {
            "prompt": [{"role": "user", "content": f"Tell me about the {word}"}],
            "reference": f"the {word} sat on a mat",
        }
        for word in ("cat", "dog", "sun", "moon")
    ]
    seen: list[list[float | None]] = []
    reward = trl_reward(settings={"embedding": "builtin:wordllama"})

    class Watched:
        """TRL takes any callable; this one looks at what comes back."""

        __name__ = "rlsr"

        def __call__(self, **arguments: Any) -> list[float | None]:
            seen.append(reward(**arguments))
            return seen[-1]

    trainer = GRPOTrainer(
        str(tiny_model),
        reward_funcs=Watched(),
        args=GRPOConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=False,
            max_steps=2,
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=8,
            logging_steps=1,
            report_to=[],
            save_strategy="no",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(tiny_model),
    )
    trainer.train()
    logged = [row for row in trainer.state.log_history if "rlsr/cosine" in row]
    assert len(seen) == len(logged) == 2
    assert all(len(scores) == 4 for scores in seen)
    for scores, row in zip(seen, logged, strict=True):
        known = [score for score in scores if score is not None]
        assert row["rewards/rlsr/mean"] == pytest.approx(sum(known) / len(known), abs=1e-5)
        assert row["rlsr/num_unscored"] == 0
