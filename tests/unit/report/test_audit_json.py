"""An audit as JSON."""

import json
import math
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_sample import sample_audit
from rlsr.auditing.result import AttackExample, Audit, Check, EncoderComparison
from rlsr.auditing.thresholds import Threshold
from rlsr.errors import RunError
from rlsr.report import write_audit_json

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
    threshold=st.builds(Threshold, finite, finite, st.booleans(), st.booleans()),
    reason=texts,
    advice=texts,
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


def without_nan(value: Any) -> Any:
    """What JSON makes of plain data whose numbers are finite or not scored."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


@given(audit=audits)
def test_an_audit_is_written_field_by_field(
    tmp_path_factory: pytest.TempPathFactory, audit: Audit
) -> None:
    file = tmp_path_factory.mktemp("audit") / "audit.json"
    table = json.loads(write_audit_json(file, audit).read_text(encoding="utf-8"))
    rules = [check.pop("rule") for check in table["checks"]]
    assert rules == [check.threshold.rule for check in audit.checks]
    # repr tells apart what == does not: 1 and 1.0.
    assert repr(table) == repr({"verdict": audit.verdict, **without_nan(asdict(audit))})


def test_the_keys_are_the_fields_with_the_verdict_in_front(tmp_path: Path) -> None:
    file = tmp_path / "audit.json"
    assert write_audit_json(file, sample_audit()) == file
    table = json.loads(file.read_text(encoding="utf-8"))
    assert list(table) == ["verdict", *(field.name for field in fields(Audit))]
    assert table["verdict"] == "fail"
    assert table["checks"][0]["name"] == "empty"
    assert table["checks"][0]["details"]["mean_honest"] == 0.72
    assert table["checks"][0]["rule"] == "warns above 0.2, fails above 0.35"
    assert table["checks"][0]["threshold"] == {
        "warn": 0.2, "fail": 0.35, "higher_is_better": False, "of_size": False,
    }  # fmt: skip


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


def test_a_check_without_a_number_has_none(tmp_path: Path) -> None:
    left_out = next(check for check in sample_audit().checks if check.verdict == "left out")
    unscored = replace(left_out, value=NAN, low=NAN, high=NAN)
    audit = replace(sample_audit(), checks=(left_out, unscored))
    table = json.loads(write_audit_json(tmp_path / "audit.json", audit).read_text(encoding="utf-8"))
    assert table["checks"][0] == table["checks"][1]
    assert [table["checks"][0][key] for key in ("value", "low", "high")] == [None, None, None]


def test_numbers_of_numpy_are_written_as_numbers(tmp_path: Path) -> None:
    audit = replace(
        sample_audit(), seconds=np.float64(1.5), scores={"honest": (np.float64(0.25), np.float64("nan"))}
    )  # fmt: skip
    table = json.loads(write_audit_json(tmp_path / "audit.json", audit).read_text(encoding="utf-8"))
    assert table["seconds"] == 1.5
    assert table["scores"] == {"honest": [0.25, None]}


def test_text_stays_readable_and_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    audit = replace(sample_audit(), data="données\ud83d", reward="\u2028")
    file = write_audit_json(tmp_path / "audit.json", audit)
    assert "données\\ud83d" in file.read_text(encoding="utf-8")
    table = json.loads(file.read_text(encoding="utf-8"))
    assert (table["data"], table["reward"]) == (audit.data, audit.reward)


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "audit.json"
    file.write_text("x" * 10**6, encoding="utf-8")
    write_audit_json(file, sample_audit())
    assert json.loads(file.read_text(encoding="utf-8"))["num_rows"] == 200


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "audit.json"
    with pytest.raises(RunError, match="nowhere") as caught:
        write_audit_json(file, sample_audit())
    assert str(caught.value).startswith(f"{file}: the report cannot be written: ")
    assert "a directory that exists and is writable" in str(caught.value)
