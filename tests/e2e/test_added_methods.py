"""Methods of other packages through the command line, trained and resumed like our own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from method_packages import write_methods
from plugin_packages import write_package
from rlsr.runs import RunDirectory
from tiny import Cli

pytest.importorskip("trl", reason="the train extra is not installed")

TIMES = ("time/", "tokens/per_second", "memory/")


@pytest.fixture(scope="session")
def settings(tiny_settings: list[str]) -> list[str]:
    return [setting for setting in tiny_settings if "num_generations" not in setting]


@pytest.mark.slow
def test_an_added_supervised_method_trains_and_resumes(
    cli: Cli, settings: list[str], packages: Path, tmp_path: Path
) -> None:
    write_methods(packages)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    result = cli(
        "train", *settings, "method={type: share, share: 0.25}", "--out", whole, cwd=packages
    )
    assert result.returncode == 0, result.stderr
    assert "share of SFT trains all weights" in result.stdout
    assert "after share of SFT (arXiv 2101.00001)\n" in (whole / "final" / "README.md").read_text()
    rows = RunDirectory(whole).read_metrics()
    assert [row["optim/mean_weight"] for row in rows] == [0.25] * 3
    assert rows[0]["optim/loss"] == pytest.approx(0.25 * rows[0]["optim/nll"], rel=1e-5)
    shutil.copytree(whole, broken)
    shutil.rmtree(broken / "checkpoints" / "checkpoint-3")
    shutil.rmtree(broken / "final")
    (broken / "manifest.json").unlink()
    result = cli("train", "--resume", "--out", broken, cwd=packages)
    assert result.returncode == 0, result.stderr
    assert numbers(broken) == numbers(whole)
    weights = Path("final") / "model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()


@pytest.mark.slow
def test_an_added_method_with_rollouts_adds_to_the_step(
    cli: Cli, settings: list[str], packages: Path, tmp_path: Path
) -> None:
    write_methods(packages)
    path = tmp_path / "run"
    own = "method={type: best, num_generations: 4}"
    result = cli("train", *settings, own, "--out", path, cwd=packages)
    assert result.returncode == 0, result.stderr
    assert "RLSR with its best trains all weights" in result.stdout
    for row in RunDirectory(path).read_metrics():
        assert row["reward/best"] >= row["reward/p95"] > row["reward/mean"]


def test_a_broken_package_is_one_message(packages: Path, tmp_path: Path) -> None:
    write_package(packages, "rlsr-broken", "1 / 0", rlsr_methods={"share": "rlsr_broken"})
    paths = [str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, "-m", "rlsr.cli.main", "train", "data=mine.jsonl", "method=share"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.count("error: ") == 1
    assert "rlsr-broken (rlsr_broken) adds, cannot be imported: ZeroDivisionError" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def numbers(path: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in row.items() if not name.startswith(TIMES)}
        for row in RunDirectory(path).read_metrics()
    ]
