"""A metric and a suite of an installed package, through the command line."""

import os
from pathlib import Path

import pytest

from plugin_packages import write_package
from rlsr.runs import RunDirectory
from tiny import Cli

SOURCE = '''
"""A metric and a suite of another package."""

from rlsr.data import Message, PromptRecord
from rlsr.evaluation.metrics import Metric
from rlsr.evaluation.suites import Scored, Suite

SHOUTS = Metric(
    "shouts", lambda batch: [float(text.isupper()) for text in batch.responses], label="share in capitals", better="lower"
)


class Colours(Suite):
    records = [
        PromptRecord(name, (Message("user", f"Say {name}"),), name, f"colours:{name}") for name in ("red", "blue", "green")
    ]

    def score(self, responses, ended):
        return Scored({"says_it": [float(one.reference in text) for one, text in zip(self.records, responses)]},
                      {"wanted": [one.reference for one in self.records]})


def open_colours(config, dataset, device):
    return Colours()
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module of an installed package."""
    site = write_package(
        tmp_path / "site",
        "my-colours",
        SOURCE,
        rlsr_metrics={"shouts": "my_colours:SHOUTS"},
        rlsr_suites={"colours": "my_colours:open_colours"},
    )
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    )
    return site / "my_colours.py"


@pytest.mark.usefixtures("package")
def test_an_installed_metric_and_an_installed_suite_measure_a_policy(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    run = RunDirectory(tmp_path / "run")
    asked = ["--suite", "heldout", "--suite", "colours"]
    result = cli("evaluate", *tiny_settings, *asked, "--out", run.path)
    assert result.returncode == 0, result.stderr
    assert "4 held-out prompts" in result.stdout
    assert "share in capitals" in result.stdout
    assert "3 colours prompts" in result.stdout
    assert "says it" in result.stdout
    rows = run.read_evaluation("colours")
    assert rows is not None
    assert [row.further["wanted"] for row in rows] == ["red", "blue", "green"]
    manifest = run.read_manifest()
    assert manifest["suites"]["colours"]["num_prompts"] == 3
    (metric,) = manifest["suites"]["colours"]["metrics"]
    assert (metric["name"], metric["in_reward"], metric["after"]["num"]) == ("says_it", False, 3)
    shouts = {found["name"]: found for found in manifest["heldout"]}["shouts"]
    assert shouts["in_reward"] is False
    assert shouts["after"]["num"] == 4

    # An evaluation that goes on remembers what was asked, and takes the answers that are there.
    (run.path / "manifest.json").unlink()
    run.evaluation_file("colours").unlink()
    result = cli("evaluate", "--resume", "--out", run.path)
    assert result.returncode == 0, result.stderr
    assert run.read_evaluation("colours") == rows
    again = run.read_manifest()
    assert (again["suites"], again["heldout"]) == (manifest["suites"], manifest["heldout"])


def test_a_broken_package_stops_before_the_work_and_not_the_help(
    cli: Cli, package: Path, tiny_settings: list[str], tmp_path: Path
) -> None:
    unknown = cli("evaluate", *tiny_settings, "--suite", "shapes", "--out", tmp_path / "out")
    assert unknown.returncode == 2, unknown.stdout
    assert "there is no suite 'shapes'" in unknown.stderr
    assert "heldout, ifeval, " in unknown.stderr
    assert ", colours" in unknown.stderr
    package.write_text("raise RuntimeError('no such luck')", encoding="utf-8")
    result = cli("train", *tiny_settings, "--out", tmp_path / "out")
    assert result.returncode == 2, result.stdout
    assert (
        "'shouts', which my-colours (my_colours:SHOUTS) adds, cannot be imported" in result.stderr
    )
    assert "RuntimeError: no such luck" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
    assert cli("--help").returncode == 0
    (data,) = (setting for setting in tiny_settings if setting.startswith("data.path="))
    assert cli("data", "check", data.partition("=")[2]).returncode == 0
