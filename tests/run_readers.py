"""Readers of what runs leave on disk, which crashes, disks and people may have changed since."""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from reader import Reader, file_of, workplace
from report_sample import (
    write_sample_comparison,
    write_sample_pipeline,
    write_sample_run,
)
from rlsr.comparison.choices import Choice, Trial, read_choices, write_choices
from rlsr.config import load_config
from rlsr.config.model import ModelConfig
from rlsr.engines.trl.checkpoints import newest_whole_checkpoint
from rlsr.forecast.calibration import KEPT, load_calibration
from rlsr.models.adapters import find_adapters
from rlsr.report.report_data import read_report_data
from rlsr.report.report_page import report_page
from rlsr.runs import RunDirectory
from rlsr.runs.growing import GrowingSteps
from rlsr.runs.json_file import write_json_lines
from rlsr.runs.pipeline_directory import PipelineDirectory
from rlsr.runs.rollout_samples import best_and_worst, read_rollout_samples

_MAKE: dict[str, Callable[[Path], object]] = {
    "run": partial(write_sample_run, num_prompts=3, num_steps=3),
    "pipeline": partial(write_sample_pipeline, num_prompts=3, num_steps=2),
    "comparison": partial(write_sample_comparison, num_prompts=3, num_steps=2, seeds=(0,)),
}


@cache
def _sample(kind: str) -> Path:
    path = workplace() / kind
    _MAKE[kind](path)
    return path


def _reported(kind: str, name: str) -> Reader:
    """Report on a run, a pipeline or a comparison, one of whose files is another."""
    file = _sample(kind) / name
    seed = file.read_bytes()

    def read(content: bytes) -> None:
        file.write_bytes(content)
        try:
            report_page(read_report_data([_sample(kind)]))
        finally:
            file.write_bytes(seed)

    return Reader((seed,), read, is_json=True, is_heavy=True)


def _run_config(content: bytes) -> None:
    RunDirectory(file_of("config.json", content).parent).read_config()


def _pipeline(content: bytes) -> None:
    PipelineDirectory.open(file_of("pipeline/pipeline.json", content).parent)


def _choices(content: bytes) -> None:
    read_choices(file_of("choices.json", content))


def _calibration(content: bytes) -> None:
    load_calibration(file_of("calibration.json", content))


def _adapters(content: bytes) -> None:
    place = file_of("adapters/adapter_config.json", content).parent
    find_adapters(ModelConfig(name=str(place)))


def _checkpoint(content: bytes) -> None:
    place = file_of("checkpoints/checkpoint-3/trainer_state.json", content).parent
    newest_whole_checkpoint(place.parent)


def _preferences(content: bytes) -> None:
    RunDirectory(file_of("preferences.jsonl", content).parent).read_preferences()


def _growing(content: bytes) -> None:
    steps = GrowingSteps(file_of("growing/metrics.jsonl", content))
    steps.look()
    steps.look()


def _samples(content: bytes) -> None:
    best_and_worst(read_rollout_samples(file_of("samples/step-000001.jsonl", content)))


def _written(name: str, write: Callable[[Path], object]) -> bytes:
    file = file_of(name, b"")
    write(file)
    return file.read_bytes()


_CONFIG = load_config(overrides=["method=rlsr"]).model_dump(mode="json")
_TRIALS = tuple(
    Trial({"training.learning_rate": rate}, f"trials/sft/trial-{place}", 0.5, 10, 20, 3.5)
    for place, rate in enumerate((1e-5, 1e-4))
)
_CHOICE = Choice("sft", ("both",), "reward", "higher", 8, 0, _TRIALS, 1)

RUN_READERS: dict[str, Callable[[], Reader]] = {
    "metrics": lambda: _reported("run", "metrics.jsonl"),
    "answers": lambda: _reported("run", "evaluation/after.jsonl"),
    "manifest": lambda: _reported("run", "manifest.json"),
    "provenance": lambda: _reported("run", "provenance.json"),
    "config.json": lambda: _reported("run", "config.json"),
    "stages": lambda: _reported("pipeline", "pipeline.json"),
    "compare.json": lambda: _reported("comparison", "compare.json"),
    "run config": lambda: Reader((json.dumps(_CONFIG).encode(),), _run_config, is_json=True),
    "pipeline.json": lambda: Reader(
        (json.dumps({"stages": [{"name": "1-rlsr", "config": _CONFIG}]}).encode(),), _pipeline, is_json=True
    ),
    "choices": lambda: Reader((_written("choices.json", lambda file: write_choices(file, [_CHOICE])),), _choices, is_json=True),
    "calibration": lambda: Reader((KEPT.read_bytes(),), _calibration, is_json=True),
    "adapters": lambda: Reader((b'{"peft_type": "LORA", "base_model_name_or_path": "some/model", "revision": null, "r": 8}',), _adapters, is_json=True),
    "checkpoint": lambda: Reader((b'{"global_step": 3, "log_history": [{"loss": 1.5}]}',), _checkpoint, is_json=True),
    "growing metrics": lambda: Reader((b'{"step": 1, "reward/mean": 0.5}\n{"step": 2, "reward/mean": null}\n',), _growing, is_json=True),
    "samples": lambda: Reader((b'{"prompt": "p", "reference": "r", "response": "a", "reward": 0.5, "part": null}\n',), _samples, is_json=True),
    "preferences": lambda: Reader(
        (_written("preferences.jsonl", lambda file: write_json_lines(file, [{"id": "a", "rejected": "no"}])),), _preferences, is_json=True
    ),
}  # fmt: skip
