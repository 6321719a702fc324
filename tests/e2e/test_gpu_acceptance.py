"""benchmarks/gpu_acceptance.sh from end to end with small sizes, so that it does not fail on a GPU for a mistake that a CPU could find."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu_acceptance.sh"


def run(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.slow
def test_every_part_of_the_acceptance_runs_with_small_sizes(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    done = run("--tiny", "--out", str(tmp_path / "out"), "--scratch", str(tmp_path), timeout_s=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads((tmp_path / "out" / "acceptance.json").read_text("utf-8"))
    assert {part["name"]: part["status"] for part in kept["parts"]} == dict.fromkeys(
        ["device", "tests", "update-tiny", "encoder", "step-tiny"], "ok"
    )
    assert kept["tests"]["tests"] >= 10
    assert kept["tests"]["failures"] == kept["tests"]["errors"] == kept["tests"]["skipped"] == 0
    ways = kept["updates"][0]["ways"]
    assert ways["grouped"]["gradient_norm"] == pytest.approx(
        ways["plain"]["gradient_norm"], rel=0.05
    )
    assert ways["grouped"]["log_prob_sum"] == pytest.approx(ways["plain"]["log_prob_sum"], rel=0.01)
    assert {"rlsr", "trl"} <= set(kept["steps"][0]["sides"])
    assert [file.name for file in tmp_path.iterdir()] == ["out"], "policies are not left behind"


@pytest.mark.slow
def test_without_a_gpu_the_acceptance_says_so(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the train extra is not installed")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    done = run("--out", str(tmp_path / "out"), timeout_s=120)
    assert done.returncode == 1
    assert "PyTorch sees no CUDA device; --tiny tries everything" in done.stdout
    assert done.stderr.strip() == "not proven: device"


def test_wheels_that_are_not_there_are_named(tmp_path: Path) -> None:
    done = run("--wheels", str(tmp_path / "none"), "--out", str(tmp_path), timeout_s=60)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("is no directory; benchmarks/gpu_wheels.py makes one")
