"""docs/monitors.md says what the code says, and what the kept benchmark says."""

import importlib
import json
import re
from pathlib import Path

import pytest

from rlsr.monitors.monitor import Monitor
from rlsr.monitors.table import BUILT_IN

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "monitors.md").read_text(encoding="utf-8")


def line_of(monitor: Monitor) -> str:
    """The line of a monitor in the table of the page."""
    form = re.search(r"\{:.*?\}", monitor.found)
    assert form is not None
    warn, alarm = (form[0].format(value) for value in (monitor.warn, monitor.alarm))
    return f"| `{monitor.name}` | {monitor.meaning} | {warn} | {alarm} | {monitor.reason} |"


def test_the_table_is_that_of_the_code() -> None:
    section = PAGE.partition("## The monitors")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    assert lines == [line_of(monitor) for monitor in BUILT_IN.values()]


def test_the_results_are_those_that_were_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    table = importlib.import_module("monitor_table").table
    kept = json.loads((ROOT / "benchmarks" / "results" / "monitors.json").read_text())
    assert table(kept) in PAGE
