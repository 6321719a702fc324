"""Scoring by hand."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest

import rlsr
from rlsr.api.scoring import Answered
from rlsr.errors import ConfigError, DataError


def test_numbers_are_scored_with_their_parts() -> None:
    rows: list[Answered] = [
        ("What is 2 + 2?", "It is 4.", "4"),
        {"prompt": [{"role": "user", "content": "2 + 3?"}], "response": "6", "reference": "5"},
    ]
    with rlsr.open_reward("numeric") as reward:
        scored = reward.score(rows)
    assert scored.scores == [1.0, 0.0]
    assert [row["score"] for row in scored.metrics] == scored.scores
    assert len(scored) == 2
    assert repr(scored) == "Scored(1.000, 0.000)"
    assert "numeric" not in str(scored)
    assert "It is 4." in str(scored)


def test_what_cannot_be_scored_is_nan_and_is_said() -> None:
    table = {"type": "json_schema", "inline": {"type": "array", "minItems": 2}}
    function = {"type": "python", "function": "api_scores:half"}
    with rlsr.open_reward(table) as reward:
        assert reward.score([("?", "[1, 2]", "-"), ("?", "no", "-")]).scores == [1.0, 0.0]
    with rlsr.open_reward(function) as reward:
        scored = reward.score([("a", "b", "c"), ("a", "", "c")])
    assert scored.scores[0] == 0.5
    assert math.isnan(scored.scores[1])
    assert "1 of 2 are unscored" in str(scored)
    assert "\N{EN DASH}" in str(scored), "a dash, and never 0"


@pytest.fixture(autouse=True)
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that leaves empty responses unscored, and says which columns it was given."""
    code = (
        "def half(completions, **columns):\n"
        "    assert 'further' not in columns or columns['further'][0] == 7\n"
        "    return [0.5 if one[0]['content'] else None for one in completions]\n"
    )
    (tmp_path / "api_scores.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "api_scores", raising=False)


def test_further_columns_reach_the_reward() -> None:
    row = {"prompt": "a", "response": "b", "reference": "c", "further": 7}
    with rlsr.open_reward({"type": "python", "function": "api_scores:half"}) as reward:
        assert reward.score([row]).scores == [0.5]


def test_html_is_escaped_and_has_no_colours_of_its_own() -> None:
    with rlsr.open_reward("exact") as reward:
        html = reward.score([("?", "<script>alert(1)</script>", "x")])._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "background: none" in html
    assert "color: inherit" in html
    assert "color: #" not in html


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "nothing to score"),
        ([("a", "b")], r"row 1: must be \(prompt, response, reference\)"),
        (["abc"], "row 1: must be"),
        ([("a", None, "c")], "row 1: the response must be a text, got NoneType"),
        ([("", "b", "c")], "row 1: empty prompt"),
        ([("a", "b", " ")], "row 1: empty response"),
        ([{"prompt": "a", "response": "b"}], "row 1: missing field: `reference` is missing"),
        ([{"prompt": "a", "response": "b", "reference": "c", "x": b""}], "JSON cannot hold"),
    ],
)
def test_rows_of_another_form_are_refused(rows: Any, message: str) -> None:
    with rlsr.open_reward("exact") as reward, pytest.raises(DataError, match=message):
        reward.score(rows)


def test_a_reward_that_there_is_not_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="did you mean numeric"):
        rlsr.open_reward("numerci")
    with pytest.raises(ConfigError, match="unknown setting"):
        rlsr.open_reward("exact", settings={"reward.tolerence": 1})
