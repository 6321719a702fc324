"""From a survey to settings, each with its reason. Numbers in, lines out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.config.data import DataConfig
from rlsr.config.model import ModelConfig
from rlsr.config.recipes import SFT_THEN_RLSR
from rlsr.data.rows import count_kinds
from rlsr.scaffold.commented_yaml import Line
from rlsr.scaffold.survey import Survey
from rlsr.statistics.estimate import FEWEST_UNITS

SMALL_MODEL = 400_000_000
"""Weights up to which all of them are trained: the time of LoRA, and its generation is faster (examples/demo.yaml)."""
_TIME = {"cpu": 3600, "mps": 3600}
_TIME_OF_A_GPU = 8 * 3600
"""Seconds that a first run may take: an hour to look at on a CPU, a night on a GPU."""
_BATCH = {"cpu": 4, "mps": 4}
_BATCH_OF_A_GPU = 8
_LITTLE_MORE = 1.5
_LONGEST_PROMPT, _LONGEST_RESPONSE, _SHORTEST_RESPONSE = 2048, 2048, 32


@dataclass(frozen=True)
class StageTime:
    """What a plan says of a stage."""

    name: str
    """As in ``2-rlsr``."""
    num_steps: int
    """Optimiser steps, at most."""
    step_seconds: float
    """Of each, good to a factor of two."""
    total_minutes: float
    """With evaluations."""


def suggest(survey: Survey, times: Sequence[StageTime] = ()) -> list[Line]:
    """Choose settings.

    Args:
        survey: What is known.
        times: What a plan by these settings has estimated; without it nothing is said of time.

    Returns:
        In the order of a config.
    """
    return [
        *_model(survey),
        *_data(survey),
        *_reward(survey),
        *_method(survey),
        *_training(survey),
        *_time(survey, times),
    ]


def _model(survey: Survey) -> list[Line]:
    model = survey.config.model
    size = (
        ""
        if survey.num_parameters is None
        else f"{survey.num_parameters / 1e6:,.0f} million weights; "
    )
    lines = [
        Line(
            "model.name",
            model.name,
            f"{size}any model id of the hub, or a directory, may stand here",
        )
    ]
    given = _given("model", model, ModelConfig(), without=("name", "lora"))
    if model.lora != ModelConfig().lora:
        return [*lines, Line("model.lora", _plain(model.lora), "as you said"), *given]
    if survey.num_parameters is None:
        return [*lines, *given]
    if is_small(survey):
        why = "a model this small trains all its weights in the time of LoRA, and generates faster"
        return [*lines, Line("model.lora", None, why), *given]
    why = "adapters: a fraction of the memory; null trains all weights"
    return [*lines, Line("model.lora", {"rank": 16}, why), *given]


def is_small(survey: Survey) -> bool:
    """Say whether the policy is known to be so small that all its weights are trained."""
    return survey.num_parameters is not None and survey.num_parameters <= SMALL_MODEL


def _data(survey: Survey) -> list[Line]:
    data, report = survey.config.data, survey.dataset.report
    lines = [
        Line(
            "data.path",
            data.path,
            f"{report.num_rows:,} rows, layout {report.layout}; {report.answer_in_words}; {report.num_train:,} prompts to train on, "
            f"{report.num_heldout:,} held out; seen from where rlsr train is started",
        )
    ]
    without = ["path", "columns"]
    if survey.guessed_columns:
        columns = {"prompt": data.columns.prompt, "response": data.columns.response}
        why = "no known layout; these columns were chosen by their names, so look whether they are prompt and answer"
        lines.append(Line("data.columns", columns, why, is_guess=True))
    elif data.columns != DataConfig().columns:
        lines.append(Line("data.columns", _plain(data.columns), "as you said"))
    if survey.skips_bad_rows:
        without.append("on_bad_row")
        why = (
            f"{len(report.skipped):,} of {report.num_rows:,} rows cannot be used ({count_kinds(report.skipped)}) and are left out; `rlsr "
            "data check` lists them"
        )
        lines.append(Line("data.on_bad_row", "skip", why, is_guess=True))
    few = report.num_heldout < FEWEST_UNITS
    can_hold_out = report.num_train + report.num_heldout > 2 * FEWEST_UNITS
    is_free = data.heldout == DataConfig().heldout and data.heldout_path is None
    if few and can_hold_out and is_free and not is_marked(survey):
        why = f"a tenth would be {report.num_heldout}, and fewer than {FEWEST_UNITS} give no intervals"
        lines.append(Line("data.heldout", FEWEST_UNITS, why))
        without.append("heldout")
    return [*lines, *_given("data", data, DataConfig(), without=without)]


def is_marked(survey: Survey) -> bool:
    """Say whether rows themselves say that they are held out: then their number is no tenth."""
    total = survey.dataset.report.num_train + survey.dataset.report.num_heldout
    data = survey.config.data
    return survey.dataset.report.num_heldout != min(
        max(1, round(data.heldout * total)), data.max_heldout
    )


def _reward(survey: Survey) -> list[Line]:
    by_kind: Mapping[str, tuple[Any, str, bool]] = {
        "numbers": (
            "numeric",
            "the references are numbers: 1 where the answer's number is the same, else 0",
            True,
        ),
        "numbers at the end": (
            "numeric",
            "the references end with #### and a number: 1 where the last number is the same, else 0; examples/gsm8k.yaml rewards the "
            "way there, too",
            True,
        ),
        "labels": (
            "exact",
            "the references are a few labels: 1 where the answer is the same, else 0",
            True,
        ),
    }
    if survey.answers in by_kind:
        reward, why, is_guess = by_kind[survey.answers]
        return [Line("reward", reward, f"{why}; similarity is the default", is_guess=is_guess)]
    return [
        Line(
            "reward",
            "similarity",
            "how close an answer comes to its reference; `rlsr audit` says whether it can be trusted on these data, docs/rewards.md has "
            "the others",
        )
    ]


def _method(survey: Survey) -> list[Line]:
    report, pairs = survey.dataset.report, survey.dataset.report.num_rejected
    why, is_guess = "SFT to its best, then RLSR where a forecast does not advise against it", False
    if 2 * pairs >= report.num_train + report.num_heldout:
        why += f"; {pairs:,} rows have a rejected answer, which this does not read: method: [sft, dpo] learns from them"
        is_guess = True
    lines = [Line("method.type", SFT_THEN_RLSR, why, is_guess=is_guess)]
    limit = response_limit(survey)
    if limit is not None:
        lengths = survey.references
        why = (
            f"tokens; the references have {lengths.median:g} in the middle, {lengths.p95:g} at the 95th percentile and {lengths.maximum:,} at "
            "most; longer answers are cut"
        )
        lines.append(Line("method.max_response_tokens", limit, why))
    budget = prompt_budget(survey, limit)
    if budget is not None:
        why = (
            f"tokens; the policy knows {survey.context:,} positions, for prompt and response together, and the longest prompt has "
            f"{survey.prompts.maximum:,}; rows with longer prompts cannot be used"
        )
        lines.append(Line("method.max_prompt_tokens", budget, why, is_guess=True))
    return lines


def response_limit(survey: Survey) -> int | None:
    """Choose the longest response: what 95 of 100 references need, or all where that is little more; as much again on a GPU.

    Args:
        survey: What is known.

    Returns:
        Tokens, a multiple of 8; None where no tokens were counted, and the plan chooses.
    """
    if survey.unit != "tokens":
        return None
    lengths = survey.references
    needed = lengths.maximum if lengths.maximum <= _LITTLE_MORE * lengths.p95 else lengths.p95
    wanted = 8 * math.ceil((1 if is_slow(survey) else 2) * needed / 8)
    most = _LONGEST_RESPONSE if survey.context is None else survey.context // 2
    return max(min(wanted, most, _LONGEST_RESPONSE), min(_SHORTEST_RESPONSE, most))


def prompt_budget(survey: Survey, limit: int | None) -> int | None:
    """Choose the longest prompt where the default does not do: the policy has no room for the longest ones.

    Args:
        survey: What is known.
        limit: The longest response.

    Returns:
        Tokens; None where the default does.
    """
    if limit is None or survey.context is None:
        return None
    room = survey.context - limit
    longest = min(survey.prompts.maximum, _LONGEST_PROMPT)
    return room if longest > room else None


def is_slow(survey: Survey) -> bool:
    """Say whether every token is dear: anywhere but on a CUDA device."""
    return survey.machine.device != "cuda"


def _training(survey: Survey) -> list[Line]:
    device, num_train = survey.machine.device or "cpu", survey.dataset.report.num_train
    batch = min(_BATCH.get(device, _BATCH_OF_A_GPU), num_train)
    why = "prompts of one step; many small steps move a model sooner than few large ones"
    lines = [Line("training.prompts_per_step", batch, why)]
    if survey.config.model.lora == ModelConfig().lora and is_small(survey):
        why = "not 1e-6, the default for all weights: a model this small hardly moves at the rates of large ones"
        lines.append(Line("training.learning_rate", 5e-5, why))
    return lines


def time_limit(survey: Survey) -> int:
    """Say how many seconds a first run may take."""
    return _TIME.get(survey.machine.device or "cpu", _TIME_OF_A_GPU)


def _time(survey: Survey, times: Sequence[StageTime]) -> list[Line]:
    """Bound the time where a plan says that it would be long."""
    total, limit = sum(time.total_minutes for time in times) * 60, time_limit(survey)
    if total <= limit:
        return []
    sft, rlsr = times[0], times[-1]
    half = limit // 2
    # A step that takes longer is taken all the same.
    steps = max(1, math.floor(half / rlsr.step_seconds))
    return [
        Line(
            "pipeline.max_seconds",
            limit,
            f"of training steps, both stages together; without it they would take about {total / 3600:,.2g} hours here, good to a factor of "
            "two. Raise it when you have seen that it works",
        ),
        Line(
            "stages.0.training.max_seconds",
            half,
            f"SFT ends at its best, which validation prompts decide, and after half of the time at the latest (some "
            f"{max(1, math.floor(half / sft.step_seconds)):,} steps), so that RLSR has the rest (some {steps:,})",
        ),
    ]


def _given(table: str, config: Any, default: Any, *, without: Sequence[str]) -> list[Line]:
    """List what the user has set."""
    return [
        Line(f"{table}.{key}", _plain(value), "as you said")
        for key, value in config
        if key not in without and value != getattr(default, key)
    ]


def _plain(value: Any) -> Any:
    return (
        value.model_dump(mode="json", exclude_defaults=True)
        if hasattr(value, "model_dump")
        else value
    )
