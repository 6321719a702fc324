"""What the browser of prompts is given: everybody's answers, each text once, repeated passages with their places."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from report_sample import LOOP, heldout_rows, write_run, write_sample_comparison, write_sample_run
from rlsr.comparison.policies import compare_policies
from rlsr.report import browser_data as module
from rlsr.report.browser_data import Browser, browser_data
from rlsr.report.report_data import read_report_data


def browser_of(*paths: Path) -> Browser:
    data = read_report_data(paths)
    comparison = compare_policies(data.policies)
    assert comparison is not None
    found = browser_data(data.policies, comparison)
    assert found is not None
    json.dumps(found.data, allow_nan=False)
    return found


def text_of(data: dict[str, Any], place: int) -> str:
    return str(data["texts"][place][0])


def test_every_prompt_has_everybodys_answer(tmp_path: Path) -> None:
    data = browser_of(write_sample_run(tmp_path / "run", num_prompts=6)).data
    assert [policy["name"] for policy in data["policies"]] == ["before training", "after training"]
    rows = heldout_rows(0.62, 6)
    for prompt, row in zip(data["prompts"], rows, strict=True):
        assert text_of(data, prompt["prompt"]) == row["prompt"]
        assert [text_of(data, place) for place in prompt["references"]] == [row["reference"]]
        assert text_of(data, prompt["answers"][1][0][0]) == row["response"]
        assert prompt["category"] == row["category"]
        names = [metric["label"] for metric in data["metrics"]]
        bleu = prompt["answers"][1][0][1][names.index("BLEU")]
        assert bleu == pytest.approx(row["scores"]["bleu"], rel=1e-3)


def test_a_prompt_has_all_its_references(tmp_path: Path) -> None:
    rows = heldout_rows(0.5, 4)
    rows[1]["references"] = [rows[1]["reference"], "Another answer.", "A third one."]
    data = browser_of(write_run(tmp_path / "run", before=rows, after=rows)).data
    shown = [[text_of(data, place) for place in prompt["references"]] for prompt in data["prompts"]]
    assert shown == [row.get("references", [row["reference"]]) for row in rows]


def test_it_begins_with_the_last_policy_over_the_baseline_by_what_no_reward_has(
    tmp_path: Path,
) -> None:
    data = browser_of(write_sample_comparison(tmp_path / "c", complete=False)).data
    assert data["baseline"] == 0
    assert data["policies"][data["policy"]]["name"] == "sft+rlsr"
    assert data["metrics"][data["metric"]]["label"] == "similarity by an independent encoder"
    assert data["seeds"] == ["0", "1"]
    assert data["policies"][0]["seeds"] == ["0"]


def test_a_text_is_kept_once(tmp_path: Path) -> None:
    rows = heldout_rows(0.5, 4)
    data = browser_of(write_run(tmp_path / "run", before=rows, after=rows)).data
    texts = [text for text, *_ in data["texts"]]
    assert len(texts) == len(set(texts))
    for prompt in data["prompts"]:
        assert prompt["answers"][0][0][0] == prompt["answers"][1][0][0]


def test_a_passage_that_breaks_the_rule_is_marked_in_javascripts_counting(tmp_path: Path) -> None:
    response = f"🙂🙂 {LOOP * 4}"
    row = {**heldout_rows(0.5, 1)[0], "response": response}
    row["scores"] = {**row["scores"], "repetition": 1.0}
    data = browser_of(write_run(tmp_path / "run", after=[row])).data
    (answer,) = data["prompts"][0]["answers"][0]
    ((start, end),) = answer[2]
    units = response.encode("utf-16-le")
    assert units[2 * start : 2 * end].decode("utf-16-le").strip() == (LOOP * 4).strip()


def test_what_keeps_the_rule_has_no_marks(tmp_path: Path) -> None:
    data = browser_of(write_run(tmp_path / "run", after=heldout_rows(0.9, 3))).data
    assert [len(prompt["answers"][0][0]) for prompt in data["prompts"]] == [2, 2, 2]


def test_a_score_that_is_missing_is_null(tmp_path: Path) -> None:
    rows = heldout_rows(0.5, 2)
    rows[0]["scores"]["chrf"] = None
    del rows[1]["scores"]["chrf"]
    data = browser_of(write_run(tmp_path / "run", after=rows)).data
    place = [metric["label"] for metric in data["metrics"]].index("chrF")
    assert [prompt["answers"][0][0][1][place] for prompt in data["prompts"]] == [None, None]


def test_only_prompts_that_all_have_answered_are_shown(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", before=heldout_rows(0.3, 6), after=heldout_rows(0.5, 6))
    two = write_run(tmp_path / "two", before=heldout_rows(0.3, 4), after=heldout_rows(0.5, 4))
    data = browser_of(one, two).data
    assert [prompt["id"] for prompt in data["prompts"]] == ["line 1", "line 2", "line 3", "line 4"]


def test_without_a_common_prompt_there_is_nothing_to_browse(tmp_path: Path) -> None:
    rows = heldout_rows(0.5, 3)
    one = write_run(tmp_path / "one", after=rows[:1])
    two = write_run(tmp_path / "two", after=rows[1:])
    data = read_report_data([one, two])
    comparison = compare_policies(data.policies)
    assert comparison is not None
    assert browser_data(data.policies, comparison) is None


def test_long_texts_are_cut_and_counted(tmp_path: Path) -> None:
    row = {**heldout_rows(0.5, 1)[0], "response": "a" * 9_000}
    found = browser_of(write_run(tmp_path / "run", after=[row]))
    assert (found.limit, found.num_cut, found.num_left_out) == (8_000, 1, 0)
    answer = found.data["prompts"][0]["answers"][0][0]
    assert found.data["texts"][answer[0]] == ["a" * 8_000, 1_000]


@pytest.mark.parametrize("letter", ["a", "<", "\ud83d", "漢"])
def test_a_page_of_very_many_texts_keeps_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letter: str
) -> None:
    monkeypatch.setattr(module, "_TEXT_BYTES", 100_000)
    (row,) = heldout_rows(0.5, 1)
    rows = [{**row, "id": str(n), "response": f"{n} {letter * 3_000}"} for n in range(300)]
    found = browser_of(write_run(tmp_path / "run", after=rows))
    assert found.limit == 500
    assert found.num_prompts + found.num_left_out == 300
    assert 0 < found.num_prompts < 300
    texts = json.dumps(found.data["texts"], ensure_ascii=False)
    written = texts.replace("<", "\\u003c").encode("utf-8", errors="backslashreplace")
    assert len(written) < 110_000


def test_a_repetition_rule_that_cannot_be_read_is_the_default_one(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", after=heldout_rows(0.3, 4))
    (policy,) = read_report_data([path]).policies
    assert policy.last_stage is not None
    broken = {**policy.last_stage.config, "reward": {"repetition": {"between": "worlds"}}}
    stages = {0: (replace(policy.last_stage, config=broken),)}
    comparison = compare_policies([policy])
    assert comparison is not None
    found = browser_data([replace(policy, stages=stages)], comparison)
    assert found is not None
    assert len(found.data["prompts"][3]["answers"][0][0]) == 3
