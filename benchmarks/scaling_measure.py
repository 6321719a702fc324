"""CPU seconds of a step by prompts and processes, for the check of docs/scaling.md.

    python benchmarks/scaling_measure.py --verl-python verl-env/bin/python --out DIR

A policy of 40,000 random weights, rewarded for the share of vowels, 8 responses to a prompt. Each run is a process group of its own, and
what all its processes have computed is read whenever a step is written down: seconds of CPU are what a free machine would take, whatever
else runs beside. Keeps ``scaling.json``; measurements that it holds are not made again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
from verl_curve import REWARD, settings

from rlsr.runs import collect_provenance

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from tiny import WORDS, save_tiny_model

MARK = "RLSR_SCALING_RUN"
GROUP = 8
RUNS = {
    "trl": [(8, 1), (16, 1), (32, 1), (16, 2), (32, 2)],
    "verl": [(8, 1), (32, 1), (16, 1), (32, 2)],
}
"""Prompts of a step and processes."""
LEFT_OUT = 2
"""First steps: what is loaded and made once."""


def cpu_seconds(mark: str) -> float:
    """Add up what all processes with the mark in their environment have computed."""
    total = 0.0
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                times = process.cpu_times()
                total += times.user + times.system
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return total


def measure(config: Path, out: Path, processes: int, mark: str) -> dict[str, object]:
    """Train, and note at the end of each step what has been computed so far."""
    command = [sys.executable, "-m", "rlsr.cli.main", "train", str(config), "--out", str(out)]
    command += ["--processes", str(processes)] if processes > 1 else []
    file = out / "metrics.jsonl"
    seen: list[float] = []
    with subprocess.Popen(command, env={**os.environ, MARK: mark}) as running:
        while running.poll() is None:
            num = len(file.read_text().splitlines()) if file.is_file() else 0
            if num > len(seen):
                seen += [cpu_seconds(mark)] * (num - len(seen))
            time.sleep(0.05)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    rows = [json.loads(line) for line in file.read_text().splitlines()][LEFT_OUT:]
    steps = [after - before for before, after in pairwise(seen)][LEFT_OUT - 1 :]
    # The last step is written together with what ends the run.
    steps = steps[:-1] if len(steps) > 3 else steps
    phases = {
        name: statistics.median(row[f"time/{name}"] / row["time/step"] for row in rows)
        for name in ("generate", "reward", "reference", "update")
        if all(row.get(f"time/{name}") is not None for row in rows)
    }
    return {
        "cpu_seconds": [round(one, 4) for one in steps],
        "shares": {name: round(share, 4) for name, share in phases.items()},
        "characters": round(statistics.mean(row["length/response"] for row in rows), 1),
    }


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--verl-python", help="of verl's environment; without it verl is left out")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    place = arguments.out.resolve()
    place.mkdir(parents=True, exist_ok=True)
    (place / "vowel_reward.py").write_text(REWARD, encoding="utf-8")
    if not (place / "model").is_dir():
        save_tiny_model(place / "model")
        rows = [
            {"prompt": f"Tell me about the {one} and the {other}", "response": f"the {other} and the {one}"}
            for one in WORDS for other in WORDS[:8] if one != other
        ]  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (place / "data.jsonl").write_text(text, encoding="utf-8")
    os.chdir(place)
    kept = place / "scaling.json"
    found = json.loads(kept.read_text())["runs"] if kept.is_file() else {}
    for engine, runs in RUNS.items():
        if engine == "verl" and not arguments.verl_python:
            continue
        for prompts, processes in runs:
            name = f"{engine}, {prompts} prompts, {processes} processes"
            if name in found:
                continue
            more = [f"training.prompts_per_step={prompts}", "method.max_response_tokens=32"]
            if engine == "verl":
                python = Path(arguments.verl_python).absolute()
                more += [
                    "engine=verl",
                    f"engine.python={python}",
                    f"engine.gpus_per_node={processes}",
                ]
            config = settings(place, arguments.steps, more)
            file = place / "config.json"
            file.write_text(config.model_dump_json(), encoding="utf-8")
            started = 1 if engine == "verl" else processes
            mark = f"{os.getpid()} {name}"
            out = place / name.replace(", ", "-").replace(" ", "-")
            found[name] = {
                "engine": engine, "responses": prompts * GROUP, "processes": processes,
                **measure(file, out, started, mark),
            }  # fmt: skip
            facts = collect_provenance({"runs": found})
            del facts["command"]  # names places of this machine
            kept.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
            sys.stdout.write(f"{name}: {found[name]}\n")


if __name__ == "__main__":
    main()
