"""Where ``rlsr report`` writes, and what it never overwrites."""

import re
from pathlib import Path

import pytest

from report_sample import write_sample_run
from rlsr.cli.report import report
from rlsr.errors import RunError


def test_a_report_lies_in_its_directory_and_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    report([path])
    first = (path / "report.html").stat()
    assert re.search(r"report: .*report\.html \(\d\.\d MB\)", capsys.readouterr().out)
    (path / "report.html").write_text("an older report", encoding="utf-8")
    report([path])
    assert (path / "report.html").stat().st_size == first.st_size


def test_another_file_is_never_overwritten(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    mine = tmp_path / "thesis.html"
    mine.write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match="exists already"):
        report([path], mine)
    assert mine.read_text(encoding="utf-8") == "years of work"
    report([path], tmp_path / "other.html")
    assert (tmp_path / "other.html").is_file()
    assert not (path / "report.html").exists()


def test_several_directories_need_a_place(tmp_path: Path) -> None:
    paths = [write_sample_run(tmp_path / name, num_prompts=2, num_steps=1) for name in "ab"]
    with pytest.raises(RunError, match="--out"):
        report(paths)
    report(paths, tmp_path / "both.html")
    assert (tmp_path / "both.html").is_file()


def test_a_place_whose_directory_does_not_exist_is_named(tmp_path: Path) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    with pytest.raises(RunError, match="does not exist"):
        report([path], tmp_path / "nowhere" / "report.html")


def test_what_is_missing_is_said_on_the_terminal_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_sample_run(tmp_path / "run", num_prompts=2, num_steps=1)
    (path / "manifest.json").unlink()
    report([path])
    assert "warning: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nothing", "file.txt", "empty"])
def test_a_mistake_writes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match="expected the directory of a run"):
        report([tmp_path / name])
    assert sorted(tmp_path.rglob("*")) == before
