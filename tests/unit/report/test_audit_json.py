"""An audit as JSON and back."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sample import sample_audit
from rlsr.audit.result import AttackExample, Audit, Check, EncoderComparison
from rlsr.errors import DataError, RunError
from rlsr.report import read_audit_json, write_audit_json

NAN = float("nan")

finite = st.floats(allow_nan=False, allow_infinity=False)
scores = finite | st.just(NAN)
texts = st.text(max_size=30)
checks = st.builds(
    Check,
    group=st.sampled_from(["attacks", "signal", "biases", "agreement"]),
    name=texts,
    verdict=st.sampled_from(["ok", "warn", "fail", "left out"]),
    measure=texts,
    value=st.none() | finite,
    low=st.none() | finite,
    high=st.none() | finite,
    num=st.integers(0, 10**9),
    rule=texts,
    reason=texts,
    details=st.dictionaries(texts | st.sampled_from(["value", "low"]), scores, max_size=3),
)
examples = st.builds(
    AttackExample,
    attack=texts, prompt=texts, reference=texts, honest=texts, attacked=texts,
    honest_score=scores, attacked_score=scores,
)  # fmt: skip
encoders = st.builds(
    EncoderComparison,
    encoder=texts, attacks_caught=scores, facts_caught=scores, share_cut=scores, ms_per_response=scores,
)  # fmt: skip


def some(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


audits = st.builds(
    Audit,
    data=texts, reward=texts, encoder=texts, num_rows=st.integers(0, 10**9), honest=texts,
    checks=some(checks), examples=some(examples), encoders=some(encoders), recommendations=some(texts),
    scores=st.dictionaries(texts | st.just("low"), some(scores), max_size=3),
    seconds=scores,
)  # fmt: skip


@given(audit=audits)
def test_an_audit_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, audit: Audit
) -> None:
    file = tmp_path_factory.mktemp("audit") / "audit.json"
    # repr tells apart what == does not: NaN is equal to nothing, and 1 to 1.0.
    assert repr(read_audit_json(write_audit_json(file, audit))) == repr(audit)


def test_the_keys_are_the_fields_with_the_verdict_in_front(tmp_path: Path) -> None:
    file = tmp_path / "audit.json"
    assert write_audit_json(file, sample_audit()) == file
    table = json.loads(file.read_text(encoding="utf-8"))
    assert list(table) == ["verdict", *(field.name for field in fields(Audit))]
    assert table["verdict"] == "fail"
    assert table["checks"][0]["name"] == "empty"
    assert table["checks"][0]["details"]["mean_honest"] == 0.72


def test_what_was_not_scored_is_null_and_never_zero(tmp_path: Path) -> None:
    audit = replace(
        sample_audit(),
        scores={"honest": (NAN, 0.5)},
        encoders=(EncoderComparison("a", 0.5, NAN, 0.0, math.inf),),
    )
    file = write_audit_json(tmp_path / "audit.json", audit)
    table = json.loads(file.read_text(encoding="utf-8"))
    assert table["scores"] == {"honest": [None, 0.5]}
    assert table["encoders"][0]["facts_caught"] is None
    assert table["encoders"][0]["ms_per_response"] is None
    back = read_audit_json(file)
    assert math.isnan(back.scores["honest"][0])
    assert math.isnan(back.encoders[0].ms_per_response)


def test_a_check_without_a_number_has_none(tmp_path: Path) -> None:
    left_out = next(check for check in sample_audit().checks if check.verdict == "left out")
    unscored = replace(left_out, value=NAN, low=NAN, high=NAN)
    audit = replace(sample_audit(), checks=(left_out, unscored))
    back = read_audit_json(write_audit_json(tmp_path / "audit.json", audit))
    assert back.checks == (left_out, left_out)


def test_numbers_of_numpy_are_written_as_numbers(tmp_path: Path) -> None:
    audit = replace(
        sample_audit(), seconds=np.float64(1.5), scores={"honest": (np.float64(0.25), np.float64("nan"))}
    )  # fmt: skip
    back = read_audit_json(write_audit_json(tmp_path / "audit.json", audit))
    assert type(back.seconds) is float
    assert repr(back.scores) == "{'honest': (0.25, nan)}"


def test_text_stays_readable_and_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    audit = replace(sample_audit(), data="données\ud83d", reward="\u2028")
    file = write_audit_json(tmp_path / "audit.json", audit)
    assert "données\\ud83d" in file.read_text(encoding="utf-8")
    back = read_audit_json(file)
    assert (back.data, back.reward) == (audit.data, audit.reward)


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "audit.json"
    file.write_text("x" * 10**6, encoding="utf-8")
    write_audit_json(file, sample_audit())
    assert read_audit_json(file).num_rows == 200


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "audit.json"
    with pytest.raises(RunError, match="nowhere") as caught:
        write_audit_json(file, sample_audit())
    assert str(caught.value).startswith(f"{file}: the report cannot be written: ")
    assert "a directory that exists and is writable" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (None, "No such file"),
        (b"{", "Expecting property name"),
        (b"\xff\xfe", "can't decode"),
        (b"[]", "the whole file"),
        (b'"text"', "the whole file"),
        (b"{}", "field required at data"),
    ],
)
def test_what_is_no_audit_is_refused(tmp_path: Path, content: bytes | None, got: str) -> None:
    file = tmp_path / "audit.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_audit_json(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: expected the JSON of an audit, got ")
    assert got in message
    assert message.endswith("; make it again with rlsr audit")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("num_rows", "many", "num_rows"),
        ("reward", None, "reward"),
        ("checks", None, "checks"),
        ("checks", [7], "checks.0"),
        ("examples", [{}], "examples.0.attack"),
        ("scores", {"honest": ["high"]}, "scores.honest.0"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, key: str, value: object, place: str) -> None:
    file = write_audit_json(tmp_path / "audit.json", sample_audit())
    table = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**table, key: value}), encoding="utf-8")
    with pytest.raises(DataError, match=rf" at {place}; "):
        read_audit_json(file)
