"""A run that is looked at while it is written is the run that would be read at once, whatever happens in between."""

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growing_run import add_step, begin_run, complete_run, own
from report_sample import QUALITY, heldout_rows, step_rows, write_run, write_sample_pipeline
from rlsr.errors import RunError
from rlsr.runs.growing import GrowingRun, GrowingSteps
from rlsr.runs.json_file import write_json, write_json_lines
from rlsr.runs.owner import is_worked_in, owned
from rlsr.runs.record import Stage, read_run
from rlsr.runs.rows import read_step_rows


def same(one: Any, other: Any) -> bool:
    """Compare with NaN equal to itself."""
    return repr(one) == repr(other)


def read_first(growing: GrowingRun) -> Stage:
    run = growing.look()
    assert run is not None
    return run.stages[0]


def test_every_look_is_what_reading_at_once_gives(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    growing = GrowingRun(path)
    for step in range(4, 8):
        add_step(path, step, **{"reward/mean": math.nan} if step == 5 else {})
        assert same(growing.look(), read_run(path))
    write_json_lines(path / "evaluation" / "step-000005.jsonl", heldout_rows(QUALITY["sft"], 4))
    write_json_lines(path / "evaluation" / "step-000011.jsonl", heldout_rows(QUALITY["sft"], 4))
    assert same(growing.look(), read_run(path))
    # A resumed run takes steps 5 to 7 again, and may take others.
    add_step(path, 5, **{"time/step": 100.0})
    run = growing.look()
    assert same(run, read_run(path))
    assert run is not None
    assert [len(run.stages[0].steps), len(run.stages[0].along_the_way)] == [5, 1]
    assert run.stages[0].along_the_way[0].spent.seconds > 100
    complete_run(path)
    assert same(growing.look(), read_run(path))


def test_where_nothing_has_changed_the_very_same_run_is_seen(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    growing = GrowingRun(path)
    first = growing.look()
    assert growing.look() is first
    add_step(path, 4)
    second = growing.look()
    assert second is not first
    with (path / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"step": 5, "rew')
    assert growing.look() is second, "half a line says nothing"


def test_stages_come_one_after_another(tmp_path: Path) -> None:
    whole = write_sample_pipeline(tmp_path / "whole", num_prompts=3, num_steps=2)
    path = tmp_path / "pipe"
    path.mkdir()
    shutil.copy(whole / "pipeline.json", path)
    growing = GrowingRun(path)
    assert growing.look() is None
    for name, missing in (("1-sft", ("2-rlsr",)), ("2-rlsr", ())):
        shutil.copytree(whole / name, path / name)
        run = growing.look()
        assert same(run, read_run(path))
        assert run is not None
        assert run.missing_stages == missing
    first = read_first(growing)
    add_step(path / "2-rlsr", 3)
    assert read_first(growing) is first, "what is not written any more is not read any more"


def test_a_run_that_is_gone_or_damaged_is_said_and_found_again(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    growing = GrowingRun(path)
    growing.look()
    moved = path.rename(tmp_path / "moved")
    with pytest.raises(RunError, match="there is no such directory"):
        growing.look()
    moved.rename(path)
    good = (path / "metrics.jsonl").read_bytes()
    for bad in (b'{"step": 4, "x": \n', b'{"no": 1}\n', b"\xff\xfe\n", b"[[[[[[\n"):
        (path / "metrics.jsonl").write_bytes(good + bad)
        with pytest.raises(RunError, match=r"metrics\.jsonl:4: damaged"):
            growing.look()
    (path / "metrics.jsonl").write_bytes(good)
    assert same(growing.look(), read_run(path))
    # Another run at the same place has nothing of the first.
    shutil.rmtree(path)
    write_run(path, steps=step_rows(9, seed=5), complete=False)
    assert same(growing.look(), read_run(path))
    (path / "metrics.jsonl").unlink()
    assert same(growing.look(), read_run(path))


def test_a_look_writes_nothing_and_takes_no_lock(tmp_path: Path) -> None:
    path = begin_run(tmp_path / "run")
    (path / "owner.json").unlink()
    before = {file: file.stat().st_mtime_ns for file in [path, *path.rglob("*")]}
    with owned(path):
        growing = GrowingRun(path)
        growing.look()
        assert growing.is_worked_in() is True
    assert growing.is_worked_in() is False
    after = {file: file.stat().st_mtime_ns for file in [path, *path.rglob("*")]}
    assert {file for file in before if file != path and before[file] != after[file]} == set()
    assert before.keys() == after.keys()


def test_only_what_is_new_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "metrics.jsonl"
    write_json_lines(file, step_rows(200))
    steps = GrowingSteps(file)
    steps.look()
    parsed: list[bytes] = []
    loads = json.loads

    def read(line: bytes) -> Any:
        parsed.append(line)
        return loads(line)

    monkeypatch.setattr("rlsr.runs.growing.json.loads", read)
    assert not steps.look()
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"step": 201}\n{"step": 202}\n{"st')
    assert steps.look()
    assert parsed == [b'{"step": 201}', b'{"step": 202}']


LINES = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(["0.5", "null", "-1e3"])), max_size=12
).map(lambda found: [f'{{"step": {step}, "reward/mean": {value}}}' for step, value in found])


@settings(max_examples=40)
@given(lines=LINES, cuts=st.lists(st.integers(0, 500), max_size=6))
def test_however_a_file_grows_its_rows_are_those_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], cuts: list[int]
) -> None:
    file = tmp_path_factory.mktemp("grows") / "metrics.jsonl"
    content = "".join(line + "\n" for line in lines).encode()
    steps = GrowingSteps(file)
    for end in sorted({min(cut, len(content)) for cut in cuts} | {len(content)}):
        with file.open("ab") as stream:
            stream.write(content[file.stat().st_size : end])
        steps.look()
        whole = content[: content.rfind(b"\n", 0, end) + 1]
        (file.parent / "whole.jsonl").write_bytes(whole)
        assert repr(steps.rows) == repr(read_step_rows(file.parent / "whole.jsonl"))


def as_rows_counted_before(lines: list[str]) -> list[int]:
    """The rule in words: of a step the last line counts, and it takes back all later steps that were written before it."""
    steps = [int(json.loads(line)["step"]) for line in lines]
    return [
        step
        for place, step in enumerate(steps)
        if all(later > step for later in steps[place + 1 :])
    ]


@settings(max_examples=40)
@given(lines=LINES)
def test_a_line_takes_back_the_steps_from_its_own_on(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    file = tmp_path_factory.mktemp("rows") / "metrics.jsonl"
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    assert [row["step"] for row in read_step_rows(file)] == as_rows_counted_before(lines)


def test_who_works_in_a_directory_is_told_by_its_owner_file(tmp_path: Path) -> None:
    assert is_worked_in(tmp_path) is False
    assert is_worked_in(tmp_path / "nothing") is False
    own(tmp_path)
    assert is_worked_in(tmp_path) is True
    own(tmp_path, host="elsewhere")
    assert is_worked_in(tmp_path) is None
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    own(tmp_path, pid=pid)
    assert is_worked_in(tmp_path) is False
    own(tmp_path, pid=2**70)
    assert is_worked_in(tmp_path) is False
    for text in ("", "{", "[]", '{"pid": 1}', '{"pid": "x", "host": "y"}'):
        (tmp_path / "owner.json").write_text(text, encoding="utf-8")
        assert is_worked_in(tmp_path) is None
    write_json(tmp_path / "owner.json", {"pid": 0, "host": "x"})
    assert is_worked_in(tmp_path) is None
