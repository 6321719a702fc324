"""Some steps of rlsr, timed: load_config, plan_run, train_run, and the metrics of the run directory.

python benchmarks/step_rlsr.py REQUEST.json RESULT.json    as step_runs.py calls it, in a process of its own
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from step_record import Request, Result, Step, code_version, split_phases, write_result

SIDES = {
    "rlsr": (),
    "rlsr-vllm": ("engine.rollout=vllm", "engine.options.vllm_gpu_memory_utilization=0.3"),
}
"""Settings by which the sides of rlsr differ."""


class Clock:
    """Observer of a run that notes when stages begin and steps end."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.step_ends: list[float] = []

    def on_stage(self, name: str) -> None:
        """Note the time.

        Args:
            name: The stage.
        """
        self.stages[name] = time.perf_counter()

    def on_progress(self, done: int, total: int) -> None:
        """Ignore the progress.

        Args:
            done: Units done.
            total: Units in all.
        """

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Note the time.

        Args:
            step: Counted from 1.
            num_steps: Steps of the run.
            metrics: Its numbers.
        """
        self.step_ends.append(time.perf_counter())

    def on_finding(self, level: str, words: str) -> None:
        """Ignore the finding.

        Args:
            level: How bad it is.
            words: What was found.
        """


def overrides(request: Request) -> list[str]:
    """Write a request as rlsr's settings; what is not named keeps its default.

    Args:
        request: What to run.

    Returns:
        Arguments of ``load_config``.
    """
    return [
        *SIDES[request.side],
        f"seed={request.seed}",
        f"model.name={request.model}",
        "model.dtype=bfloat16",
        *(["model.lora=null"] if request.training == "full" else []),
        f"data.path={request.data}",
        "data.heldout=0",
        f"embedding={request.encoder}",
        "reward.similarity.variant=cosine",
        f"method.num_generations={request.num_generations}",
        f"method.max_response_tokens={request.max_response_tokens}",
        f"training.prompts_per_step={request.prompts_per_step}",
        f"training.steps={request.num_steps + 1}",
        # Checkpoints are no part of a step.
        f"training.save_every={request.num_steps + 1}",
        # All responses of a step are written down, to know their lengths and the order of the prompts.
        f"training.sample_groups={request.prompts_per_step}",
        "evaluation.enabled=false",
    ]


def steps_of(
    metrics: Sequence[Mapping[str, Any]],
    samples: Sequence[Sequence[Mapping[str, Any]]],
    step_ends: Sequence[float],
    prompt_tokens: Mapping[str, int],
) -> list[Step]:
    """Put together what a run wrote about its steps.

    Args:
        metrics: A row of ``metrics.jsonl`` a step.
        samples: The responses of each step.
        step_ends: When each step ended, in seconds.
        prompt_tokens: Length of each prompt.

    Returns:
        The steps; the first one has no step before it, so its seconds are the trainer's own.
    """
    steps = []
    for place, (row, responses) in enumerate(zip(metrics, samples, strict=True)):
        seconds = step_ends[place] - step_ends[place - 1] if place else row["time/step"]
        known = {name: row[f"time/{name}"] for name in ("generate", "reward", "reference")}
        references = {sample["prompt"]: sample["reference"] for sample in responses}
        lengths = [sample["num_tokens"] for sample in responses]
        steps.append(
            Step(
                rows=[{"prompt": key, "reference": text} for key, text in references.items()],
                prompt_tokens=sum(prompt_tokens[key] for key in references) / len(references),
                response_tokens=sum(lengths) / len(lengths),
                longest_response=max(lengths),
                num_responses=len(lengths),
                seconds=seconds,
                phases=split_phases(seconds, row["time/step"], known),
            )
        )
    return steps


def run(request: Request) -> Result:
    """Train for some steps.

    Args:
        request: What to run.

    Returns:
        What was measured.
    """
    from rlsr.config import load_config
    from rlsr.pipeline.plan import plan_run
    from rlsr.pipeline.run import train_run

    imported = _import_libraries()
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="rlsr-step-") as scratch:
        # Encoded references are kept across runs; a cache of its own lets every run begin without them.
        os.environ["XDG_CACHE_HOME"] = str(Path(scratch, "cache"))
        directory = Path(scratch, "run")
        started = time.perf_counter()
        plan = plan_run(load_config(overrides=overrides(request)))
        planned = time.perf_counter()
        train_run(plan, directory, observer=clock)
        metrics = _json_lines(directory / "metrics.jsonl")
        samples = [_json_lines(file) for file in sorted((directory / "samples").iterdir())]
    rows = _json_lines(Path(request.data))
    steps = steps_of(
        metrics,
        samples,
        clock.step_ends,
        {row["prompt"]: row["prompt_tokens"] for row in rows},
    )
    return Result(
        request=request,
        code=code_version(),
        steps=steps,
        peak_gb=metrics[-1]["memory/peak_gb"],
        peak_gpu_gb=metrics[-1].get("memory/peak_gpu_gb"),
        device=plan.device,
        setup={
            "import": imported,
            "plan": planned - started,
            "load": clock.stages["training"] - planned,
            # Making the trainer, without the first step.
            "start": clock.step_ends[0] - clock.stages["training"] - steps[0].seconds,
        },
    )


def _import_libraries() -> float:
    """Load the large libraries, which rlsr loads when it needs them, so that they are in no other time."""
    started = time.perf_counter()
    for module, name in (
        ("torch", "nn"),
        ("transformers", "AutoModelForCausalLM"),
        ("sentence_transformers", "SentenceTransformer"),
        ("trl", "GRPOTrainer"),
    ):
        getattr(importlib.import_module(module), name)
    return time.perf_counter() - started


def _json_lines(file: Path) -> list[dict[str, Any]]:
    # Not splitlines: a text may hold characters that it takes for the end of a line.
    lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [json.loads(line) for line in lines]


def main() -> None:
    """Run what a file says and write what was measured."""
    request = Request(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    write_result(run(request), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
