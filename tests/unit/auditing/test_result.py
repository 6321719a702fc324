"""The verdict of a whole audit."""

from dataclasses import replace

import pytest

from audit_sample import sample_audit
from rlsr.auditing.checks import MIN_ROWS
from rlsr.auditing.recommend import recommendations
from rlsr.auditing.result import Check, Group
from rlsr.auditing.thresholds import CUT, OverallVerdict, Verdict
from rlsr.config import RunConfig


def check(group: Group, verdict: Verdict) -> Check:
    return Check(group, f"{group} {verdict}", verdict, "share", CUT, "why")


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], "not enough"),
        ([("attacks", "left out"), ("signal", "left out")], "not enough"),
        # That no text is cut says nothing of the reward.
        ([("attacks", "left out"), ("signal", "ok")], "not enough"),
        ([("attacks", "left out"), ("signal", "warn")], "not enough"),
        ([("attacks", "left out"), ("signal", "fail")], "fail"),
        ([("attacks", "ok"), ("signal", "left out")], "ok"),
        ([("attacks", "ok"), ("signal", "warn")], "warn"),
        ([("attacks", "warn"), ("attacks", "left out")], "warn"),
        ([("attacks", "fail"), ("biases", "ok")], "fail"),
    ],
)
def test_without_an_attack_too_little_was_measured(
    checks: list[tuple[Group, Verdict]], expected: OverallVerdict
) -> None:
    audit = replace(sample_audit(20, 1), checks=tuple(check(*found) for found in checks))
    assert audit.verdict == expected
    assert audit.num_left_out == sum(verdict == "left out" for _, verdict in checks)


def test_what_to_do_where_no_attack_could_be_made() -> None:
    found = recommendations([check("attacks", "left out"), check("signal", "ok")], RunConfig().reward, [])  # fmt: skip
    assert found == [
        f"Do not take this for a test of the reward: no attack could be made, which takes at least {MIN_ROWS} rows with an honest "
        "answer. Give more rows, a second reference to each, or with --model a policy that answers."
    ]
