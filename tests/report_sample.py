"""Directories of runs, pipelines and comparisons as rlsr leaves them, made without training, for the tests of reports."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlsr.comparison.experiment import BudgetConfig
from rlsr.comparison.result import (
    ComparedRecipe,
    ComparedRun,
    Comparison,
    Origin,
    write_comparison,
)
from rlsr.config import load_config
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.evaluation.change import metric_changes
from rlsr.evaluation.metrics import BUILT_IN, SharedMetric, primary_metrics
from rlsr.runs.json_file import write_json, write_json_lines
from rlsr.runs.typed_json import to_table
from rlsr.statistics.against_baseline import adjusted_confidence, compare_metric
from rlsr.statistics.wins import win_shares

Row = dict[str, Any]

METRICS = ("reward", "similarity", "independent_similarity", "chrf", "bleu", "length_ratio", "repetition", "cut")  # fmt: skip
IN_REWARD = {"reward", "similarity", "chrf", "repetition"}
# How good each recipe of the sample is, from 0 to 1.
QUALITY = {"base": 0.35, "sft": 0.5, "dpo": 0.47, "rlsr": 0.62, "sft+rlsr": 0.72}
METHODS = {"base": (), "sft": ("sft",), "dpo": ("dpo",), "rlsr": ("rlsr",), "sft+rlsr": ("sft", "rlsr")}  # fmt: skip
LOOP = "I am happy to help you with that question today. "


def heldout_rows(quality: float, num: int = 40, seed: int = 0) -> list[Row]:
    """Answers to prompts of the built-in set, the nearer to the references the better; the fourth repeats itself."""
    rng = np.random.default_rng((seed, round(1000 * quality)))
    rows = []
    for place, record in enumerate(load_dataset(DataConfig()).train[:num]):
        words = record.reference.split()
        own = float(np.clip(quality + rng.normal(0, 0.15), 0.05, 0.98))
        kept = words[: max(3, round(len(words) * own))]
        response = f"{' '.join(kept)} {LOOP}" if rng.random() > own else " ".join(kept)
        if place == 3 and quality < 0.6:
            response = "Let me see. " + LOOP * 5
        rows.append(
            {"id": f"line {place + 1}", "category": record.category or ("short", "long")[place % 2],
             "prompt": record.prompt, "reference": record.reference, "response": response,
             "scores": _scores(own, response, record.reference)}
        )  # fmt: skip
    return rows


def _scores(own: float, response: str, reference: str) -> dict[str, float | None]:
    broken = float(response.count(LOOP) > 3)
    return {
        "reward": 0.9 * own, "similarity": 0.95 * own, "independent_similarity": 0.85 * own, "chrf": 60 * own,
        "bleu": 30 * own**2, "length_ratio": len(response) / len(reference), "repetition": broken, "cut": broken,
    }  # fmt: skip


def step_rows(num: int, *, method: str = "rlsr", seed: int = 0, level: float = 0.3) -> list[Row]:
    """Numbers of steps as a trainer writes them."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(1, num + 1):
        took = float(rng.uniform(3, 5)) if method == "rlsr" else float(rng.uniform(0.8, 1.2))
        row: Row = {
            "step": step, "optim/loss": 2.5 / step**0.3 if method == "sft" else float(rng.normal(0, 0.02)),
            "optim/grad_norm": float(rng.uniform(0.5, 2)), "optim/learning_rate": 1e-4, "tokens/response": 60.0,
            "tokens/total": 4000.0 * step, "tokens/trained": 1900.0, "tokens/share_cut": 0.3 / step,
            "time/step": took, "time/update": took * 0.55, "memory/peak_gb": 3.5 + step / 100,
        }  # fmt: skip
        if method == "rlsr":
            mean = level + 0.3 * (1 - np.exp(-step / 12)) + float(rng.normal(0, 0.03))
            row |= {
                "reward/mean": mean, "reward/similarity": mean + 0.02, "reward/cosine": mean + 0.1, "reward/overlap": mean - 0.1,
                "reward/numbers": 0.8 + float(rng.normal(0, 0.02)), "reward/group_std": 0.16, "reward/share_repeated": 0.1 / step,
                "reward/num_unscored": 0.0, "optim/kl": 0.002 * step, "optim/entropy": 3 * np.exp(-step / 60),
                "length/response": 330 - 3.0 * step, "length/reference": 190.0, "time/generate": took * 0.3,
                "time/reward": took * 0.02, "time/reference": took * 0.1,
                **{f"reward/p{q:02d}": mean + (q - 50) / 150 for q in (5, 25, 50, 75, 95)},
            }  # fmt: skip
        rows.append(row)
    return rows


def write_run(
    path: Path,
    *,
    before: Sequence[Row] | None = None,
    after: Sequence[Row] | None = None,
    steps: Sequence[Row] = (),
    method: str = "rlsr",
    seed: int = 0,
    complete: bool = True,
) -> Path:
    """Write a run directory."""
    config = load_config(overrides=["data=builtin:instructions", f"seed={seed}", f"method.type={method}"])  # fmt: skip
    (path / "evaluation").mkdir(parents=True)
    write_json(path / "config.json", config.model_dump(mode="json"))
    write_json(path / "provenance.json", {"sessions": [{"rlsr": "0.1.0", "device": "cpu", "cores": 2}]})  # fmt: skip
    if steps:
        write_json_lines(path / "metrics.jsonl", steps)
    for name, rows in (("before", before), ("after", after)):
        if rows is not None:
            write_json_lines(path / "evaluation" / f"{name}.jsonl", rows)
    if complete:
        changes = heldout_changes(before, after) if before and after else []
        write_json(path / "manifest.json", {"num_steps": len(steps), "method": method, "heldout": changes, "warnings": []})  # fmt: skip
    return path


def heldout_changes(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """The changes as a manifest has them."""
    was, became = (
        {
            name: np.array([row["scores"][name] for row in rows], dtype=np.float64)
            for name in before[0]["scores"]
        }
        for rows in (before, after)
    )
    found = metric_changes(was, became, IN_REWARD.__contains__, confidence=0.95, num_resamples=200)
    return [to_table(change) for change in found]


def write_sample_run(path: Path, num_prompts: int = 40, num_steps: int = 8, seed: int = 0) -> Path:
    """Write a complete run of rlsr."""
    return write_run(
        path,
        before=heldout_rows(QUALITY["base"], num_prompts),
        after=heldout_rows(QUALITY["rlsr"], num_prompts, seed),
        steps=step_rows(num_steps, seed=seed),
        seed=seed,
    )


def write_sample_pipeline(
    path: Path, num_prompts: int = 40, num_steps: int = 6, seed: int = 0
) -> Path:
    """Write a complete pipeline of sft and rlsr."""
    answers = [heldout_rows(QUALITY[name], num_prompts, seed) for name in ("sft", "sft+rlsr")]
    stages = zip(("sft", "rlsr"), (heldout_rows(QUALITY["base"], num_prompts), answers[0]), answers, strict=True)  # fmt: skip
    names = []
    for place, (method, before, after) in enumerate(stages, start=1):
        names.append(f"{place}-{method}")
        steps = step_rows(num_steps, method=method, seed=seed, level=0.45)
        write_run(path / names[-1], before=before, after=after, steps=steps, method=method, seed=seed)  # fmt: skip
    write_json(path / "pipeline.json", {"stages": [{"name": name, "config": {}} for name in names]})
    return path


def write_sample_comparison(
    path: Path,
    *,
    num_prompts: int = 40,
    num_steps: int = 6,
    seeds: Sequence[int] = (0, 1),
    complete: bool = True,
) -> Path:
    """Write a comparison of five recipes with an untrained policy as its baseline."""
    for name, methods in METHODS.items():
        for seed in seeds if methods else seeds[:1]:
            place = path / "runs" / name / f"seed-{seed}"
            if len(methods) > 1:
                write_sample_pipeline(place, num_prompts, num_steps, seed)
                continue
            write_run(
                place,
                before=heldout_rows(QUALITY["base"], num_prompts) if methods else None,
                after=heldout_rows(QUALITY[name], num_prompts, seed if methods else 0),
                steps=step_rows(num_steps, method=methods[0], seed=seed) if methods else (),
                method=methods[0] if methods else "rlsr",
                seed=seed,
            )
    write_json(path / "experiment.json", {"recipes": list(METHODS)})
    if complete:
        write_comparison(path / "compare.json", _comparison(path, num_prompts, num_steps, seeds))
    return path


def _comparison(path: Path, num_prompts: int, num_steps: int, seeds: Sequence[int]) -> Comparison:
    tables = {name: _tables(path, name, seeds) for name in METHODS}
    metrics = tuple(
        SharedMetric(name, name in IN_REWARD, BUILT_IN[name].better) for name in METRICS
    )
    primary = tuple(metric.name for metric in primary_metrics(metrics))
    found = {
        metric: compare_metric(
            {name: scores[metric] for name, scores in tables.items()}, "base", num_readings=4 * len(primary),
            is_read=metric in primary, num_resamples=500,
        )
        for metric in METRICS
    }  # fmt: skip
    recipes = [
        ComparedRecipe(
            name=name,
            methods=methods,
            runs=tuple(
                ComparedRun(
                    seed, f"runs/{name}/seed-{seed}", num_steps * len(methods), 118.3, 51_234, 4.21
                )
                if methods
                else ComparedRun(seed, f"runs/{name}/seed-{seed}", 0, 0.0, 0, None)
                for seed in (seeds if methods else seeds[:1])
            ),
            metrics={metric: found[metric][name] for metric in METRICS},
            wins={
                metric: win_shares(tables[name][metric], tables["base"][metric], margin)
                for metric, margin in (("independent_similarity", 0.01), ("bleu", 1.0))
                if name != "base"
            },
            compared_with="base" if methods else None,
        )
        for name, methods in METHODS.items()
    ]
    return Comparison(
        origin=Origin("0.1.0", "2026-11-20T12:00:00+00:00", "0123abc", {"processor": "AMD EPYC", "cores": 2}, {}),
        budget=BudgetConfig(by="wall_clock", amount=120.0), baseline="base", seeds=tuple(seeds), num_prompts=num_prompts,
        confidence=0.95, adjusted_confidence=adjusted_confidence(0.95, 4 * len(primary)),
        num_comparisons=4 * len(primary), metrics=metrics, primary=primary,
        recipes=tuple(recipes), notes=("2 seeds tell little about how much seeds differ",),
    )  # fmt: skip


def _tables(path: Path, name: str, seeds: Sequence[int]) -> dict[str, Any]:
    rows = []
    for seed in seeds if METHODS[name] else seeds[:1]:
        place = path / "runs" / name / f"seed-{seed}"
        last = place / "2-rlsr" if len(METHODS[name]) > 1 else place
        text = (last / "evaluation" / "after.jsonl").read_text(encoding="utf-8")
        rows.append([json.loads(line)["scores"] for line in text.splitlines()])
    return {
        metric: np.array([[scores[metric] for scores in row] for row in rows]) for metric in METRICS
    }


def with_texts(rows: Sequence[Row], texts: Mapping[str, str]) -> list[Row]:
    """The rows with some of their texts replaced, by field."""
    return [{**row, **texts} for row in rows]
