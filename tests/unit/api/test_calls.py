"""The calls of ``import rlsr``: there when asked for, and their mistakes are errors and no exits."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rlsr
from rlsr.api.progress import MOST_LINES, LineObserver
from rlsr.api.show import ShownTable
from rlsr.errors import ConfigError, DataError, RlsrError, RunError

CALLS = ("audit", "compare", "evaluate", "load_run", "open_reward", "train")


def test_import_rlsr_stays_light_and_the_calls_stay_functions() -> None:
    code = (
        "import sys, rlsr\n"
        "assert not {'pydantic', 'numpy', 'rlsr.api', 'typer'} & set(sys.modules)\n"
        "import rlsr.auditing, rlsr.evaluation, rlsr.comparison, rlsr.api\n"
        f"print(*(callable(getattr(rlsr, name)) for name in {CALLS}), *sorted(sys.modules))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert found[: len(CALLS)] == ["True"] * len(CALLS)
    assert "torch" not in found


def test_the_package_lists_its_calls() -> None:
    assert set(CALLS) < set(dir(rlsr))
    with pytest.raises(AttributeError, match="module 'rlsr' has no attribute 'trane'"):
        rlsr.trane  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("call", "arguments", "error", "message"),
    [
        ("train", {}, ConfigError, "nothing to train on"),
        ("train", {"resume": True}, ConfigError, "resume: needs the directory"),
        ("train", {"data": "no.jsonl", "settings": {"training.stebs": 1}}, ConfigError, "training.stebs: unknown setting"),
        ("train", {"config": "no.yaml"}, ConfigError, "no.yaml: there is no such config file"),
        ("evaluate", {}, ConfigError, "nothing to evaluate"),
        ("evaluate", {"resume": True}, ConfigError, "resume: needs the directory"),
        ("evaluate", {"run": "no/such/run"}, RunError, "no/such/run: expected the directory of a run"),
        ("evaluate", {"run": ["m/m"]}, ConfigError, "run: several models are at least two"),
        ("evaluate", {"run": ["m/m", "n/n"], "model": "o"}, ConfigError, "model: is of one evaluation, got o besides a list"),
        ("evaluate", {"run": "m/m", "baseline": "n"}, ConfigError, "baseline: is of several models, got 'n'"),
        ("evaluate", {"run": ["m/m"], "resume": True, "out": "x"}, ConfigError, "resume: several models go on as they were begun"),
        ("audit", {"data": []}, DataError, "data: holds no rows"),
        ("compare", {"experiment": {"recipes": {}}}, ConfigError, "budget: is missing"),
        ("load_run", {"path": "no/such/run"}, RunError, "there is no such directory"),
    ],
)  # fmt: skip
def test_a_mistake_is_an_error(
    call: str,
    arguments: dict[str, Any],
    error: type[RlsrError],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        getattr(rlsr, call)(**arguments)
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_a_directory_that_is_taken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    for call in (rlsr.train, rlsr.evaluate):
        with pytest.raises(RunError, match="a directory that does not exist or is empty"):
            call(data=[{"prompt": "a", "response": "b"}], out=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_lines_are_as_many_as_anybody_reads() -> None:
    said: list[str] = []
    observer = LineObserver(said.append)
    observer.on_stage("training")
    for step in range(1, 1001):
        observer.on_step(step, 1000, {"reward/mean": 0.5})
    observer.on_progress(1, 2)
    observer.on_finding("alarm", "cut: too many")
    assert len(said) <= MOST_LINES + 4
    assert said[0].endswith("training")
    assert said[1] == "step 1/1000  reward 0.500"
    assert said[-2].startswith("step 1000/1000")
    assert said[-1] == "alarm: cut: too many"


def test_a_table_is_shown_as_text_and_escaped_as_html() -> None:
    table = ShownTable("a < b", ("name", "value"), [["x & y", "1.5"], ["long name", "-"]], notes=["<b>"])  # fmt: skip
    assert table.text.splitlines() == [
        "a < b",
        "  name       value",
        "  x & y        1.5",
        "  long name      -",
        "<b>",
    ]
    assert "<b>" not in table.html
    assert "a &lt; b" in table.html
    assert "x &amp; y" in table.html
    assert "<table" not in ShownTable("nothing", ("name",), []).html
