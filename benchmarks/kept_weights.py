"""Which weights should a run keep? Rules for the measurements on validation prompts, judged on other prompts.

python benchmarks/kept_weights.py RUN... [--prompts 32] [--out FILE]

Reads ``evaluation/`` of runs that answered held-out prompts along the way (``evaluation.during``). Some of these prompts, drawn anew many
times, play the validation prompts, by which a rule keeps the weights of one time; the others say how good these are. Adds to ``FILE``
the means by rule over draws, of each run and of all of a method, with a bootstrap interval over runs of the gain over the best measurement.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json
from rlsr.runs.rows import read_heldout_rows
from rlsr.runs.step_metrics import VALIDATION_BEHIND, VALIDATION_SIMILARITY
from rlsr.runs.validation import kept_measurement, standard_errors_behind

Floats = NDArray[np.float64]

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "kept-weights.json"
METRICS = ("independent_similarity", "chrf", "bleu")
TOLERANCES = (0.0, 0.5, 1.0, 1.5, 2.0)
DRAWS, RESAMPLES = 300, 10_000


def read_times(run: Path) -> Floats:
    """Read what was measured along the way: (time, prompt, metric)."""
    folder = run / "evaluation"
    files = [folder / "before.jsonl", *sorted(folder.glob("step-*.jsonl")), folder / "after.jsonl"]
    times = [{row.key: row.scores for row in read_heldout_rows(file)} for file in files]
    keys = sorted(set.intersection(*[set(time) for time in times]))
    return np.array([[[time[key][name] for name in METRICS] for key in keys] for time in times])


def kept_time(scores: Floats, tolerance: float) -> int:
    """Say which time's weights are kept, by the scores of validation prompts: (time, prompt)."""
    rows: list[dict[str, float]] = []
    means = np.nanmean(scores, axis=1)
    for time, mean in enumerate(means):
        row = {"step": time, VALIDATION_SIMILARITY: float(mean)}
        if time:
            best = int(np.argmax(means[:time]))
            behind = standard_errors_behind(scores[time], scores[best], lower_is_better=False)
            row |= {} if behind is None else {VALIDATION_BEHIND: behind}
        rows.append(row)
    kept = kept_measurement(rows, METRICS[0], tolerance)
    assert kept is not None, "something is scored"
    return kept.step


def judge(times: Floats, num_prompts: int) -> dict[str, list[float]]:
    """Say by rule how good the kept weights are on the other prompts, by metric, over draws of validation prompts."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Floats]] = {}
    for _ in range(DRAWS):
        order = rng.permutation(times.shape[1])
        own, others = order[:num_prompts], order[num_prompts:]
        rules = {f"tolerance {one:g}": kept_time(times[:, own, 0], one) for one in TOLERANCES}
        for rule, time in {**rules, "last": len(times) - 1}.items():
            found.setdefault(rule, []).append(np.nanmean(times[time, others], axis=0))
    return {rule: np.mean(each, axis=0).tolist() for rule, each in found.items()}


def over_runs(judged: Sequence[dict[str, list[float]]]) -> dict[str, dict[str, list[float]]]:
    """Say by rule and metric the mean over runs, and its gain over the best measurement with an interval over runs."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(judged), size=(RESAMPLES, len(judged)))
    best = np.array([one["tolerance 0"] for one in judged])
    found: dict[str, dict[str, list[float]]] = {}
    for rule in judged[0]:
        values = np.array([one[rule] for one in judged])
        gains = (values - best)[drawn].mean(axis=1)
        low, high = np.quantile(gains, [0.025, 0.975], axis=0)
        found[rule] = {
            name: [values[:, place].mean(), (values - best)[:, place].mean(), low[place], high[place]]
            for place, name in enumerate(METRICS)
        }  # fmt: skip
    return found


def main() -> None:
    """Judge the rules, and print a table of each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    by_method: dict[str, list[dict[str, list[float]]]] = {}
    for run in asked.runs:
        method = RunDirectory.open(run).read_config().method.type
        by_method.setdefault(method, []).append(judge(read_times(run), asked.prompts))
    kept = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {}
    for method, judged in by_method.items():
        means = over_runs(judged)
        kept[method] = {"runs": judged, "over runs": means, "validation prompts": asked.prompts, "draws": DRAWS}  # fmt: skip
        sys.stdout.write(f"\n{method}, {len(judged)} runs\n\n| kept | {' | '.join(METRICS)} |\n|---|---|---|---|\n")  # fmt: skip
        for rule, values in means.items():
            cells = [f"{mean:.4f}, {gain:+.4f} [{low:.4f}, {high:.4f}]" for mean, gain, low, high in values.values()]  # fmt: skip
            sys.stdout.write(f"| {rule} | {' | '.join(cells)} |\n")
    write_json(asked.out, kept)


if __name__ == "__main__":
    main()
