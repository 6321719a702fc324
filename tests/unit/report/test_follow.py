"""A report that is renewed while its run goes on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from growing_run import add_step, begin_run, complete_run, disown, own
from report_sample import step_rows, write_run, write_sample_run
from rlsr.errors import RunError
from rlsr.report import follow, follow_report
from rlsr.report.report_data import read_report_data
from rlsr.report.report_page import Renewal, report_page
from rlsr.report.text_file import write_text
from rlsr.runs.json_file import write_json


class Clock:
    """A clock that stands still but where the report waits, and what happens meanwhile."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self.now = 100.0
        self.events = list(events)
        self.said: list[str] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.events.pop(0)()


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written, page after page: how it is renewed, and which steps it knows."""
    written: list[str] = []

    def keep(data: object, renewal: Renewal | None = None) -> str:
        assert renewal is not None
        return f"{renewal.as_of.partition(', written')[0]} every {renewal.seconds:g}"

    def write(file: Path, text: str) -> Path:
        written.append(text)
        return write_text(file, text)

    def last(file: Path, paths: list[Path]) -> tuple[str, ...]:
        written.append("the last one")
        return ("a notice",)

    monkeypatch.setattr(follow, "report_page", keep)
    monkeypatch.setattr(follow, "write_text", write)
    monkeypatch.setattr(follow, "write_report", last)
    return written


def run(file: Path, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setattr(follow, "time", clock)
    return follow_report(file, [path], say=clock.said.append, least_seconds=1.0)


def nothing() -> None:
    """Let time pass."""


def test_a_page_follows_the_run_to_its_end(
    tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = begin_run(tmp_path / "run")
    clock = Clock(
        nothing, lambda: add_step(path, 4), nothing, lambda: add_step(path, 2), lambda: complete_run(path)
    )  # fmt: skip
    assert run(tmp_path / "page.html", path, clock, monkeypatch) == ("a notice",)
    assert pages == [
        "Running, as of step 3 every 1",
        "Running, as of step 4 every 1",
        "Running, as of step 2 every 1",
        "the last one",
    ]
    assert clock.said == [f"following: open {tmp_path / 'page.html'} in a browser, where it is with the first step; Ctrl-C ends"]  # fmt: skip
    assert not clock.events


def test_nothing_is_written_before_there_is_something_to_show(
    tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipe"
    path.mkdir()
    write_json(path / "pipeline.json", {"stages": [{"name": "1-sft"}, {"name": "2-rlsr"}]})
    own(path)
    clock = Clock(nothing, lambda: begin_run(path / "1-sft", method="sft"), lambda: disown(path / "1-sft"), lambda: disown(path))  # fmt: skip
    run(tmp_path / "page.html", path, clock, monkeypatch)
    assert pages == ["Running, as of step 3 of 1-sft every 1", "the last one"]


def test_ctrl_c_leaves_a_page_that_stays_as_it_is(
    tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    path = begin_run(tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "page.html", path, Clock(interrupt), monkeypatch)
    assert pages[1:] == ["the last one"]


def test_what_nobody_works_on_is_written_once(
    tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    clock = Clock()
    run(tmp_path / "page.html", path, clock, monkeypatch)
    assert pages == ["the last one"]
    assert clock.said == ["no process works on it, so that the page is written once"]
    (path / "manifest.json").unlink()
    own(path, host="elsewhere")
    run(tmp_path / "page.html", path, Clock(nothing, lambda: disown(path)), monkeypatch)
    assert pages[1:] == ["Running, as of step 1 every 1", "the last one"]


def test_a_comparison_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_text("{}", encoding="utf-8")
    with pytest.raises(
        RunError, match=r"--follow follows runs and stages; .* or leave --follow out"
    ):
        follow_report(tmp_path / "page.html", [tmp_path], say=print)


def test_a_page_that_is_renewed_says_so_and_the_last_one_does_not(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", steps=step_rows(2), complete=False)
    data = read_report_data([path])
    running = report_page(data, Renewal("Running, as of <step 3>", 14.6))
    assert '<html lang="en" data-renewal="15">' in running
    assert "Running, as of &lt;step 3&gt;" in running
    last = report_page(data)
    assert "data-renewal=" not in last
    assert "renews itself" not in last
    assert 'http-equiv="refresh"' not in running + last


def test_a_browser_never_finds_half_a_page(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    write_text(file, "first")
    with file.open(encoding="utf-8") as reader:
        write_text(file, "second")
        assert reader.read() == "first"
    assert file.read_text(encoding="utf-8") == "second"
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match="cannot be written"):
        write_text(tmp_path / "folder", "third")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["folder", "page.html"]
