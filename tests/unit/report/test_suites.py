"""Suites of evaluations on a page: sections of their own, side by side where several evaluations have them."""

from pathlib import Path

import pytest

from html_page import Page
from kept_evaluations import kept, normal
from report_sample import write_sample_run
from rlsr.comparison.side_by_side import FILE, side_by_side, write_side_by_side
from rlsr.errors import RunError
from rlsr.evaluation.kept import FILE as KEPT
from rlsr.evaluation.kept import KeptEvaluation, write_kept
from rlsr.report import write_report

HELDOUT = {"bleu": normal(20, 1)}
BASE = kept("base", heldout=HELDOUT, sums={"right": normal(0.6, 2)}, lists={"right": normal(0.5)})
OTHER = kept("other", heldout=HELDOUT, sums={"right": normal(0.3, 3)})


def evaluated(path: Path, found: KeptEvaluation) -> Path:
    write_sample_run(path)
    write_kept(path / KEPT, found)
    return path


def page_of(file: Path, *paths: Path) -> Page:
    write_report(file, paths)
    return Page(file.read_text(encoding="utf-8"))


def suites_on(page: Page) -> list[str]:
    ids = [names.get("id") or "" for tag, names in page.tags if tag == "section"]
    return [one.removeprefix("suite-") for one in ids if one.startswith("suite-")]


def test_each_suite_is_a_section_beside_the_held_out_prompts(tmp_path: Path) -> None:
    page = page_of(tmp_path / "page.html", evaluated(tmp_path / "run", BASE))
    assert suites_on(page) == ["sums", "lists"]
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Prompts of sums, by measures that are not in the reward" in html
    assert "Means over 40 lists prompts." in html


def test_several_evaluations_are_held_against_the_first_one(tmp_path: Path) -> None:
    paths = [evaluated(tmp_path / "base", BASE), evaluated(tmp_path / "other", OTHER)]
    page = page_of(tmp_path / "page.html", *paths)
    assert suites_on(page) == ["sums", "lists"]
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "is lower than base on right" in html


def test_models_side_by_side_have_a_page_of_their_own(tmp_path: Path) -> None:
    models = {name: kept(name, sums={"right": normal(mean, 2)}, more={"right": normal(0.5)}) for name, mean in (("base", 0.6), ("other", 0.2))}  # fmt: skip
    for name, found in models.items():
        evaluated(tmp_path / name, found)
    write_side_by_side(tmp_path / FILE, side_by_side(models, "base"))
    page = page_of(tmp_path / "page.html", tmp_path)
    assert suites_on(page) == ["more"]
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Models side by side" in html
    assert "40 sums prompts" in html
    with pytest.raises(RunError, match="models that were evaluated side by side are reported on alone, got 2"):  # fmt: skip
        write_report(tmp_path / "both.html", [tmp_path, tmp_path / "base"])
