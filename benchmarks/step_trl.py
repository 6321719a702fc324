"""Some steps of TRL's GRPOTrainer as its documentation uses it, timed; the reward is a cosine of MiniLM.

python benchmarks/step_trl.py REQUEST.json RESULT.json    as step_runs.py calls it, in a process of its own
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from step_record import Request, Result, Step, code_version, read_result, split_phases, write_result

BATCH_SIZE = 8
"""``per_device_train_batch_size`` of somebody with groups of eight."""
_LEARNING_RATES = {"lora": 1e-4, "full": 1e-6}


def grpo_arguments(request: Request, output_dir: str, *, on_cpu: bool) -> dict[str, Any]:
    """Choose the fields of ``trl.GRPOConfig``: the hyper-parameters of rlsr's defaults, else TRL's own.

    Args:
        request: What to run.
        output_dir: Where TRL may write.
        on_cpu: Whether there is no GPU.

    Returns:
        Keyword arguments.
    """
    rollout = request.prompts_per_step * request.num_generations
    batch = min(BATCH_SIZE, rollout)
    vllm = {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": 0.3}
    return {
        "output_dir": output_dir,
        "use_cpu": on_cpu,
        "bf16": True,
        "model_init_kwargs": {"dtype": "bfloat16"},
        "seed": request.seed,
        "max_steps": request.num_steps + 1,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": rollout // batch,
        "num_generations": request.num_generations,
        "max_completion_length": request.max_response_tokens,
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "beta": 0.001,
        "loss_type": "dapo",
        "learning_rate": _LEARNING_RATES[request.training],
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": 3,
        "weight_decay": 0.0,
        "adam_beta1": 0.9,
        "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
        "gradient_checkpointing": request.gradient_checkpointing,
        # The prompts come in the order in which rlsr took them.
        "shuffle_dataset": False,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        **(vllm if request.side == "trl-vllm" else {}),
    }


def make_reward(encoder: Any) -> Callable[..., list[float]]:
    """Make the reward that a user would write: encode both texts, take the cosine.

    Args:
        encoder: A ``SentenceTransformer``.

    Returns:
        A reward function of TRL; the dataset has a column ``reference``.
    """

    def similarity(
        completions: Sequence[Sequence[dict[str, str]]], reference: Sequence[str], **_: Any
    ) -> list[float]:
        answers = encoder.encode(
            [completion[0]["content"] for completion in completions],
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        references = encoder.encode(
            list(reference), normalize_embeddings=True, show_progress_bar=False
        )
        return [float(value) for value in (answers * references).sum(axis=1)]

    return similarity


def load_encoder(name: str, device: str) -> Any:
    """Load an encoder from where rlsr finds it.

    Args:
        name: ``builtin:minilm`` or a directory.
        device: Where it runs.

    Returns:
        A ``SentenceTransformer``.
    """
    from sentence_transformers import SentenceTransformer

    from rlsr.embeddings.builtin import builtin_encoder_path

    return SentenceTransformer(builtin_encoder_path(name), device=device)


class StepClock:
    """Times the phases of a trainer from outside: its methods are wrapped, a callback marks the steps.

    Args:
        synchronize: Waits until the device has finished, so that a phase's work is counted in that phase.
    """

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self._synchronize = synchronize
        self._phases: dict[str, float] = {}
        self._lengths: tuple[list[int], list[int]] = ([], [])
        self._prompts: list[Any] = []
        self._begun = 0.0
        self._step_seconds = 0.0
        self._last_end: float | None = None
        self.steps: list[Step] = []

    def wrap(self, trainer: Any) -> None:
        """Take the times of a trainer's methods from now on.

        Args:
            trainer: A ``GRPOTrainer``.
        """
        trainer._generate = partial(self._generate, trainer._generate)
        trainer._calculate_rewards = partial(self._timed, "reward", trainer._calculate_rewards)
        trainer._generate_and_score_completions = partial(
            self._rollout, trainer._generate_and_score_completions
        )

    def begin(self) -> None:
        """Note that the trainer begins a step."""
        self._begun = time.perf_counter()

    def end(self) -> None:
        """Note that the trainer has ended a step."""
        self._synchronize()
        self._step_seconds = time.perf_counter() - self._begun

    def log(self) -> None:
        """Note that everything about a step is done; keep its numbers."""
        now = time.perf_counter()
        seconds = self._step_seconds if self._last_end is None else now - self._last_end
        self._last_end = now
        prompts, responses = self._lengths
        # The responses to a prompt stand next to each other, so that the prompts are in order.
        texts = {row["prompt"][0]["content"]: row["reference"] for row in self._prompts}
        known = {name: self._phases[name] for name in ("generate", "reward", "reference")}
        self.steps.append(
            Step(
                rows=[{"prompt": key, "reference": text} for key, text in texts.items()],
                prompt_tokens=sum(prompts) / len(prompts),
                response_tokens=sum(responses) / len(responses),
                longest_response=max(responses),
                num_responses=len(responses),
                seconds=seconds,
                phases=split_phases(seconds, self._step_seconds, known),
            )
        )

    def _timed(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        result = function(*args, **kwargs)
        self._synchronize()
        self._phases[name] = time.perf_counter() - started
        return result

    def _generate(self, function: Callable[..., Any], prompts: list[Any]) -> Any:
        result = self._timed("generate", function, prompts)
        self._lengths = ([len(ids) for ids in result[0]], [len(ids) for ids in result[1]])
        return result

    def _rollout(self, function: Callable[..., Any], inputs: list[Any]) -> Any:
        self._prompts = inputs
        result = self._timed("rollout", function, inputs)
        known = self._phases["generate"] + self._phases["reward"]
        # What TRL does besides sampling and scoring is the reference's log-probabilities.
        self._phases["reference"] = self._phases["rollout"] - known
        return result


def run(request: Request) -> Result:
    """Train for some steps.

    Args:
        request: What to run.

    Returns:
        What was measured.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    clock = StepClock(torch.cuda.synchronize if on_gpu else _nothing)
    peaks: dict[str, float] = {}

    class ClockCallback(TrainerCallback):  # type: ignore[misc]  # transformers is not followed
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            clock.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.end()

        def on_log(self, *_: Any, logs: dict[str, Any], **__: Any) -> None:
            if "loss" in logs:  # not the summary after the last step
                clock.log()
                peaks["memory"] = peak_memory_gb()

    adapters = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    rows = [row for step in read_result(Path(request.data)).steps for row in step.rows]
    with tempfile.TemporaryDirectory(prefix="trl-step-") as scratch:
        trainer = GRPOTrainer(
            model=request.model,
            reward_funcs=[make_reward(load_encoder(request.encoder, device))],
            args=GRPOConfig(**grpo_arguments(request, scratch, on_cpu=not on_gpu)),
            train_dataset=Dataset.from_list(
                [
                    {
                        "prompt": [{"role": "user", "content": row["prompt"]}],
                        "reference": row["reference"],
                    }
                    for row in rows
                ]
            ),
            callbacks=[ClockCallback()],
            peft_config=adapters if request.training == "lora" else None,
        )
        clock.wrap(trainer)
        trainer.train()
    return Result(
        request=request,
        code=code_version(),
        steps=clock.steps,
        peak_gb=peaks["memory"],
        peak_gpu_gb=torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None,
        device=device,
    )


def peak_memory_gb() -> float:
    """Measure the most memory that this process has held.

    Returns:
        Peak resident set in gigabytes (10^9 bytes).
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kibibytes, macOS in bytes.
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


def _nothing() -> None:
    """Wait for nothing: a CPU has finished when a call returns."""


def main() -> None:
    """Run what a file says and write what was measured."""
    request = Request(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    write_result(run(request), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
