"""``evaluation.json``: written, read, refused."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from kept_evaluations import kept, normal
from rlsr.data.overlap import Overlap
from rlsr.errors import RunError
from rlsr.evaluation.kept import FILE, digests, read_kept, write_kept
from rlsr.runs.rows import HeldoutRow


def test_it_comes_back_from_its_file_and_from_its_directory(tmp_path: Path) -> None:
    gap = [math.nan, *normal(0.5, number=39)]
    found = kept("m", heldout={"chrf": gap}, sums={"right": normal(0.1)})
    overlap = Overlap(13, 40, ("a", "b"), 3)
    found = dataclasses.replace(
        found,
        suites={
            **found.suites,
            "sums": dataclasses.replace(found.suites["sums"], overlap=overlap),
        },
    )
    write_kept(tmp_path / FILE, found)
    for place in (tmp_path, tmp_path / FILE):
        again = read_kept(place)
        assert again.suites["sums"] == found.suites["sums"]
        (metric,) = again.suites["heldout"].metrics
        assert math.isnan(metric.scores[0])
        assert metric.scores[1:] == tuple(gap[1:])
    assert json.loads((tmp_path / FILE).read_text())["version"] == 1
    assert '"scores": [null, ' in (tmp_path / FILE).read_text()


def test_a_prompt_is_known_again_by_all_that_makes_it_one() -> None:
    row = HeldoutRow("1", "What?", "This.", "That.", {})
    same = dataclasses.replace(row, response="Another.", scores={"chrf": 1.0}, category="x")
    others = [
        dataclasses.replace(row, id="x"),
        dataclasses.replace(row, prompt="x"),
        dataclasses.replace(row, reference="x"),
    ]
    found = digests([row, same, *others])
    assert found[0] == found[1]
    assert len(set(found)) == 4
    assert {len(one) for one in found} == {16}
    assert digests([dataclasses.replace(row, prompt="\ud800")])


def test_what_is_no_evaluation_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"there is no {FILE} in it; name the {FILE} of an evaluation"):  # fmt: skip
        read_kept(tmp_path)
    with pytest.raises(RunError, match=r"none\.json: there is no such file"):
        read_kept(tmp_path / "none.json")
    file = tmp_path / "some.json"
    for content, message in (
        ("{}", "got an empty table"),
        ('{"num_steps": 0, "model": "m"}', "got a table of num_steps, model"),
        ('{"version": 7, "suites": {}}', "of version 1, got version 7"),
        ('{"version": 1, "suites": {}}', "damaged: "),
        ("[", "damaged or unreadable"),
    ):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(RunError, match=message):
            read_kept(file)
    write_kept(file, kept("m", sums={"right": normal(0.5)}))
    table = json.loads(file.read_text())
    table["suites"]["sums"]["metrics"][0]["scores"].pop()
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(RunError, match=r"suites\.sums: right has 39 scores for 40 prompts"):
        read_kept(file)
