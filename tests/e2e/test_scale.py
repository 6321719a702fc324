"""Long runs: many steps, many rollouts, many held-out prompts, in bounded memory and time."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from report_sample import heldout_rows, step_rows, write_run
from rlsr.config import load_config
from rlsr.engines import SilentObserver
from rlsr.pipeline import plan_run, train_run
from rlsr.report import write_report
from rlsr.runs import RunDirectory

NUM_STEPS = 20_000
NUM_ROLLOUTS = 50_000
NUM_ANSWERS = 5_000
NUM_ROWS = 200_000
MOST_BYTES_A_ROW = 1000
"""Resident, beyond what a run of 1,000 rows takes; their texts have 390."""
ROOT = Path(__file__).parents[2]
GROUP = 4
# Where the trainer and its libraries have everything that they keep.
_FIRST_STEPS = 2000
_EVERY = 1000
MOST_MB_PER_1000_STEPS = 4.0
"""The numbers of each step stay in memory, for the rules that look back: some 30 of them, 3 kB. A tensor that was kept a step
would take more, and so would its graph."""


class Memory(SilentObserver):
    """Looks at this process every thousand steps."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.seen: list[tuple[int, float, int, float]] = []

    def on_step(self, step: int, num_steps: int, metrics: Mapping[str, float | None]) -> None:
        """Note the step, resident MB, open files and seconds so far."""
        if step % _EVERY == 0 or step == num_steps:
            memory = self._process.memory_info().rss / 1e6
            self.seen.append((step, memory, self._process.num_fds(), time.monotonic()))


def train_long(tiny_settings: list[str], path: Path, num_steps: int) -> Memory:
    """Take the cheapest steps that there are."""
    more = [
        "method=rlsr", "method.num_generations=2", "method.max_response_tokens=1", "training.prompts_per_step=1", "training.epochs=1",
        f"training.steps={num_steps}", f"training.save_every={num_steps}", "training.learning_rate=1e-6", "evaluation.enabled=false",
    ]  # fmt: skip
    memory = Memory()
    train_run(
        plan_run(load_config(overrides=[*tiny_settings, *more])), path / "run", observer=memory
    )
    return memory


@pytest.mark.slow
def test_many_steps_take_neither_memory_nor_files(tiny_settings: list[str], tmp_path: Path) -> None:
    seen = train_long(tiny_settings, tmp_path, NUM_STEPS).seen
    (first, before, files, _), *_, (last, after, more_files, _) = [
        one for one in seen if one[0] >= _FIRST_STEPS
    ]
    assert last == NUM_STEPS
    assert (after - before) / (last - first) * 1000 < MOST_MB_PER_1000_STEPS, seen
    assert more_files <= files, seen
    paces = [after[3] - before[3] for before, after in pairwise(seen)]
    assert max(paces[-3:]) < 2 * min(paces[:3]), "steps become slower and slower"
    assert len(RunDirectory(tmp_path / "run").read_metrics()) == NUM_STEPS


@pytest.mark.slow
def test_rows_to_train_on_take_little_memory(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    command = [sys.executable, str(ROOT / "benchmarks/scaling_rows.py"), "--place", str(tmp_path / "place"), "--out", str(out)]  # fmt: skip
    subprocess.run([*command, "--rows", "1000", str(NUM_ROWS)], check=True, capture_output=True)
    peaks = {
        name: max(phase["peak_mb"] for phase in run["phases"].values())
        for name, (run,) in json.loads(out.read_text())["runs"].items()
    }
    for form in ("jsonl", "parquet"):
        beyond = peaks[f"{NUM_ROWS} {form}"] - peaks[f"1000 {form}"]
        assert beyond * 2**20 / NUM_ROWS < MOST_BYTES_A_ROW, peaks


@pytest.mark.slow
def test_many_rollouts_and_answers_are_written_and_reported_on(tmp_path: Path) -> None:
    some = [heldout_rows(quality, 24) for quality in (0.35, 0.62)]
    before, after = (
        [
            {**rows[place % 24], "id": f"row {place}", "prompt": f"{place}: {rows[place % 24]['prompt']}"}
            for place in range(NUM_ANSWERS)
        ]
        for rows in some
    )  # fmt: skip
    num_steps = NUM_ROLLOUTS // GROUP
    path = write_run(tmp_path / "run", before=before, after=after, steps=step_rows(num_steps))
    run = RunDirectory(path)
    run.samples.mkdir()
    for step in range(1, num_steps + 1):
        places = (place % NUM_ANSWERS for place in range((step - 1) * GROUP, step * GROUP))
        run.write_samples(step, [after[place] for place in places])
    started = time.process_time()
    notices = write_report(tmp_path / "report.html", [path])
    seconds = time.process_time() - started
    assert not notices
    assert (tmp_path / "report.html").stat().st_size < 4e6
    assert seconds < 120
    assert psutil.Process().memory_info().rss < 2e9
    assert len(list(run.samples.iterdir())) == num_steps
