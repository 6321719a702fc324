"""A warning before training where too few prompts are held out to show anything."""

import json
from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.pipeline.plan import plan_run
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import too_few


def write_rows(path: Path, num: int) -> Path:
    rows = [{"prompt": f"What is {i}?", "response": f"It is {i + 1}."} for i in range(num)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("num_rows", "settings", "warning"),
    [
        (20, [], f"{too_few(2, 'held-out prompts')}: add rows, or name a file of prompts to measure on with data.heldout_path"),
        (100, [], f"{too_few(10, 'held-out prompts')}: hold out more with data.heldout={FEWEST_UNITS}, or name a file with data.heldout_path"),
        (100, ["data.heldout_path={}"], f"{too_few(3, 'held-out prompts')}: give {{}} more rows"),
        (100, [f"data.heldout={FEWEST_UNITS}"], ""),
        (100, ["evaluation.enabled=false"], ""),
        (100, ["data.heldout=0"], ""),
    ],
)  # fmt: skip
def test_too_few_held_out_prompts_are_said_with_the_way_out(
    tmp_path: Path, tiny_settings: list[str], num_rows: int, settings: list[str], warning: str
) -> None:
    heldout = write_rows(tmp_path / "heldout.jsonl", 103)
    heldout.write_text(
        "".join(heldout.read_text(encoding="utf-8").splitlines(keepends=True)[100:]),
        encoding="utf-8",
    )
    data = write_rows(tmp_path / "data.jsonl", num_rows)
    plan = plan_run(
        load_config(
            overrides=[
                *tiny_settings,
                f"data.path={data}",
                *(setting.format(heldout) for setting in settings),
            ]
        )
    )
    found = [text for text in plan.warnings if "too few" in text]
    assert found == ([warning.format(heldout)] if warning else [])
