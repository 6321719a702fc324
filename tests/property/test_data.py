"""What holds for any text, any bytes and any split."""

import csv
import gzip
import io
import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaded_at_once import check_duplicates, check_leaks
from rlsr.config.data import ColumnNames, DataConfig, Layout, LayoutName, SamePrompt
from rlsr.data import Dataset, load_dataset
from rlsr.data.checks import merge_same_prompts
from rlsr.data.convert import to_entry
from rlsr.data.layouts import resolve_layout
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Entry, Mark, MarkedRecord, MergedRow, Problem, RawRow
from rlsr.data.sources import read_rows
from rlsr.data.split import choose_heldout
from rlsr.data.visible import is_empty
from rlsr.errors import DataError

texts = st.text(min_size=1).filter(lambda text: not is_empty(text))
FLAT_LAYOUTS: tuple[LayoutName, ...] = (
    "prompt_response",
    "prompt_completion",
    "instruction",
    "preference",
)
LAYOUTS: tuple[LayoutName, ...] = (*FLAT_LAYOUTS, "messages", "conversations")


def row_of(layout: LayoutName, prompt: str, reference: str) -> dict[str, object]:
    match layout:
        case "prompt_response":
            return {"prompt": prompt, "response": reference}
        case "prompt_completion":
            return {"prompt": prompt, "completion": reference}
        case "instruction":
            return {"instruction": prompt, "output": reference}
        case "messages":
            turns = zip(("user", "assistant"), (prompt, reference), strict=True)
            return {"messages": [{"role": role, "content": text} for role, text in turns]}
        case "conversations":
            turns = zip(("human", "gpt"), (prompt, reference), strict=True)
            return {"conversations": [{"from": role, "value": text} for role, text in turns]}
        case "preference":
            return {"prompt": prompt, "chosen": reference, "rejected": f"not {reference}"}


def as_json(row: dict[str, object], *, ascii_only: bool) -> bytes:
    return json.dumps([row], ensure_ascii=ascii_only).encode()


def as_jsonl(row: dict[str, object], *, ascii_only: bool) -> bytes:
    return json.dumps(row, ensure_ascii=ascii_only).encode()


def as_csv(row: dict[str, object], line_end: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerows([row.keys(), row.values()])
    return text.getvalue().encode()


def as_parquet(row: dict[str, object]) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    stream = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist([row]), stream)
    return stream.getvalue()


def load_rows(rows: list[dict[str, object]], config: dict[str, Any]) -> Dataset:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return load_dataset(DataConfig(path=str(path), **config))


def load(name: str, content: bytes, layout: Layout = "auto") -> PromptRecord:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        (record,) = load_dataset(DataConfig(path=str(path), heldout=0, layout=layout)).train
    return record


@given(texts, texts, st.sampled_from(LAYOUTS), st.booleans(), st.sampled_from(["", ".gz"]))
def test_any_text_comes_through_json(
    prompt: str, reference: str, layout: LayoutName, ascii_only: bool, suffix: str
) -> None:
    row = row_of(layout, prompt, reference)
    for name, content in (
        (f"a.json{suffix}", as_json(row, ascii_only=ascii_only)),
        (f"a.jsonl{suffix}", as_jsonl(row, ascii_only=ascii_only)),
    ):
        record = load(name, content)
        assert record.messages == (Message("user", prompt),)
        assert record.reference == reference


@given(texts, texts, st.sampled_from(FLAT_LAYOUTS), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_text_comes_through_csv(
    prompt: str, reference: str, layout: LayoutName, line_end: str
) -> None:
    record = load("a.csv", as_csv(row_of(layout, prompt, reference), line_end))
    assert record.messages == (Message("user", prompt),)
    assert record.reference == reference


@given(texts, texts, st.sampled_from(LAYOUTS))
def test_any_text_comes_through_parquet(prompt: str, reference: str, layout: LayoutName) -> None:
    record = load("a.parquet", as_parquet(row_of(layout, prompt, reference)))
    assert record.messages == (Message("user", prompt),)
    assert record.reference == reference


structure = st.sampled_from(
    [b'{"prompt": "', b'", "response": "', b'"}', b"[", b"]", b'"', b",", b"\n", b"\xff", b"PAR1"]
)
contents = st.binary() | st.lists(structure | st.binary(max_size=3)).map(b"".join)


@given(contents, st.sampled_from([".json", ".jsonl", ".csv", ".parquet"]), st.booleans())
def test_any_bytes_load_or_are_refused(content: bytes, suffix: str, is_gzip: bool) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}{'.gz' if is_gzip else ''}"
        path.write_bytes(gzip.compress(content) if is_gzip else content)
        try:
            report = load_dataset(DataConfig(path=str(path), heldout=0, on_bad_row="skip")).report
        except DataError as error:
            message = str(error)
        else:
            message = str(path)
            assert report.num_rows == len(list(read_rows(str(path))))
    assert message.startswith(str(path))


@given(st.binary(min_size=1), st.integers(min_value=0, max_value=10_000))
def test_damaged_parquet_loads_or_is_refused(noise: bytes, position: int) -> None:
    content = as_parquet(row_of("messages", "Q" * 50, "A" * 50))
    position %= len(content)
    damaged = content[:position] + noise + content[position + len(noise) :]
    with suppress(DataError):
        load("a.parquet", damaged)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
turn_keys = st.sampled_from(["role", "content", "from", "value", "tool_calls", "type", "text"])
turn_values = json_values | st.sampled_from(["user", "assistant", "system", "text"])
turn_lists = st.lists(st.dictionaries(turn_keys, turn_values))
columns = st.sampled_from(
    [
        "prompt",
        "response",
        "completion",
        "instruction",
        "input",
        "output",
        "history",
        "system",
        "messages",
        "conversations",
        "id",
        "category",
        "split",
    ]
)
raw_values = st.dictionaries(columns, json_values | turn_lists) | json_values


@given(raw_values, st.sampled_from(LAYOUTS))
def test_any_value_becomes_a_record_or_a_problem(value: object, name: LayoutName) -> None:
    row = RawRow("f:1", value)
    layout = resolve_layout([row], layout=name, columns=ColumnNames(), source="f")
    entry = to_entry(row, layout)
    if isinstance(entry, Problem):
        assert entry.line.isprintable()
        assert ";" in entry.message
    else:
        assert entry.record.messages[-1].role == "user"
        assert not is_empty(entry.record.reference)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    marks: st.SearchStrategy[Mark | None] = st.sampled_from([None, None, None, "train", "heldout"])
    small = st.sampled_from(["Q", "q", "Q ", "P", "R", "S", "T"])
    drawn = draw(st.lists(st.tuples(small, st.sampled_from("AB"), marks, st.booleans())))
    return [
        Problem(f"f:{n}", "broken_json", "no")
        if is_bad
        else MarkedRecord(
            PromptRecord(str(n), (Message("user", prompt),), reference, f"f:{n}"), mark
        )
        for n, (prompt, reference, mark, is_bad) in enumerate(drawn)
    ]


@given(entries())
def test_checks_lose_no_row(rows: list[Entry]) -> None:
    checked = check_duplicates(check_leaks(rows))
    assert len(checked) == len(rows)
    for before, after in zip(rows, checked, strict=True):
        if isinstance(after, MarkedRecord) or isinstance(before, Problem):
            assert after == before
        else:
            assert isinstance(before, MarkedRecord)
            assert isinstance(after, Problem)
            assert after.location == before.record.location


@given(entries())
def test_merging_keeps_every_answer_once_and_in_order(rows: list[Entry]) -> None:
    merged = merge_same_prompts(rows)
    assert len(merged) == len(rows)
    given: dict[str, list[str]] = {}
    for before, after in zip(rows, merged, strict=True):
        if not isinstance(before, MarkedRecord):
            assert after == before
            continue
        answers = given.setdefault(before.record.prompt, [])
        if answers:
            is_repeated = before.record.reference in answers
            assert after == MergedRow(before.record.location, is_repeated)
        else:
            assert isinstance(after, MarkedRecord)
            assert after.record == replace(
                before.record, other_references=after.record.other_references
            )
        answers.append(before.record.reference)
    kept = {row.record.prompt: row.record for row in merged if isinstance(row, MarkedRecord)}
    assert {prompt: list(record.references) for prompt, record in kept.items()} == {
        prompt: list(dict.fromkeys(answers)) for prompt, answers in given.items()
    }
    assert merge_same_prompts(merged) == merged


@given(entries(), st.randoms(use_true_random=False))
def test_merging_keeps_the_same_answers_in_any_order(rows: list[Entry], random: Random) -> None:
    def answers(entries: list[Entry]) -> dict[str, set[str]]:
        merged = merge_same_prompts(entries)
        records = [entry.record for entry in merged if isinstance(entry, MarkedRecord)]
        return {record.prompt: set(record.references) for record in records}

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert answers(shuffled) == answers(rows)


SAME_PROMPT: tuple[SamePrompt, ...] = ("merge", "keep", "error")


@given(
    st.lists(st.tuples(st.sampled_from("QPRS"), st.sampled_from("AB "), st.none() | st.text())),
    st.sampled_from([0, 1]),
)
def test_the_report_accounts_for_every_row(
    drawn: list[tuple[str, str, str | None]], heldout: int
) -> None:
    rows: list[dict[str, object]] = [
        {"prompt": prompt, "response": answer, "note": note, "rejected": "C" if note else None}
        for prompt, answer, note in drawn
    ]
    hashes: set[tuple[str, str | None] | None] = set()
    for same_prompt in SAME_PROMPT:
        config = {"same_prompt": same_prompt, "on_bad_row": "skip", "heldout": heldout}
        try:
            found = load_rows(rows, config)
        except DataError:
            hashes.add(None)
            continue
        report = found.report
        assert (report.num_train, report.num_heldout) == (len(found.train), len(found.heldout))
        left = report.num_merged + report.num_repeated + len(report.skipped)
        assert report.num_rows == len(rows) == report.num_train + report.num_heldout + left
        held = {record.prompt for record in found.heldout}
        assert held.isdisjoint(record.prompt for record in found.train)
        hashes.add((found.sha256, found.columns_sha256))
    prompts = [prompt for prompt, answer, _ in drawn if answer.strip()]
    if len(set(prompts)) == len(prompts):
        assert len(hashes) == 1, "only repeated prompts make a difference"


@given(
    entries(),
    st.floats(0, 0.99) | st.integers(0, 4),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_the_split_is_a_partition_and_depends_on_the_seed_alone(
    rows: list[Entry], heldout: float, most: int, seed: int
) -> None:
    checked = check_duplicates(check_leaks(rows))
    records = [entry for entry in checked if isinstance(entry, MarkedRecord)]
    try:
        chosen = choose_heldout(records, heldout=heldout, max_heldout=most, seed=seed)
    except DataError:
        return
    assert chosen == choose_heldout(records, heldout=heldout, max_heldout=most, seed=seed)
    assert chosen <= set(range(len(records)))
    assert len(chosen) < len(records) or not records
    marked = {index for index, row in enumerate(records) if row.mark == "heldout"}
    assert not marked or chosen == marked
    keys = [records[index].record.prompt.casefold().strip() for index in range(len(records))]
    held = {keys[index] for index in chosen}
    assert held.isdisjoint(key for index, key in enumerate(keys) if index not in chosen)
