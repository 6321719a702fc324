"""``rlsr audit`` as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tiny import Cli


def read(directory: Path) -> dict[str, Any]:
    """The findings, with the checks by name."""
    table: dict[str, Any] = json.loads((directory / "audit.json").read_text(encoding="utf-8"))
    return {**table, "checks": {check["name"]: check for check in table["checks"]}}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in references with a good and a bad answer each, made from the set itself."""
    from rlsr.config.data import DataConfig
    from rlsr.data import load_dataset

    records = load_dataset(DataConfig()).train[:24]
    rows = []
    for number, record in enumerate(records):
        sentences = record.reference.replace(". ", ".|").split("|")
        good = " ".join(["In short:", *sentences])
        other = records[(number + 1) % len(records)].reference
        for text, score in ((good, 2), (other, 0)):
            rows.append(
                {
                    "prompt": record.prompt,
                    "reference": record.reference,
                    "response": text,
                    "score": score,
                }
            )
    path = tmp_path_factory.mktemp("judged") / "judged.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(cli: Cli, judged: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("audits") / "audit"
    result = cli(
        "audit", judged, "--model", "none", "--compare-encoders", "builtin:minilm", "--out", path
    )
    assert result.returncode == 0, result.stderr
    return path, result.stdout


def test_the_table_has_every_kind_of_check(finished: tuple[Path, str]) -> None:
    path, output = finished
    checks = read(path)["checks"].values()
    assert {check["group"] for check in checks} == {"attacks", "signal", "biases", "agreement"}
    for check in checks:
        assert check["name"] in output
        assert (check["value"] is None) == (check["verdict"] == "left out")
    assert "what to do" in output
    assert str(path / "audit.html") in output


def test_good_answers_beat_nonsense(finished: tuple[Path, str]) -> None:
    audit = read(finished[0])
    for name in ("empty", "reference of another prompt", "generic refusal"):
        assert audit["checks"][name]["verdict"] == "ok", audit["checks"][name]
    assert audit["checks"]["pairs in order"]["value"] == 1
    assert audit["num_rows"] == 24
    assert "judged" in audit["honest"]


def test_encoders_are_compared_with_cost(finished: tuple[Path, str]) -> None:
    static, transformer = read(finished[0])["encoders"]
    assert [static["encoder"], transformer["encoder"]] == ["builtin:wordllama", "builtin:minilm"]
    assert 0 < static["ms_per_response"] < transformer["ms_per_response"]


def test_what_the_data_do_not_allow_is_left_out_with_the_reason(finished: tuple[Path, str]) -> None:
    spread = read(finished[0])["checks"]["spread within groups"]
    assert spread["verdict"] == "left out"
    assert "prompts with samples" in spread["reason"]


def test_a_policy_gives_samples(
    cli: Cli, tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    result = cli(
        "audit", tiny_data, "--model", tiny_model, "--samples", "3", "--out", tmp_path / "a"
    )
    assert result.returncode == 0, result.stderr
    spread = read(tmp_path / "a")["checks"]["spread within groups"]
    assert spread["num"] == 12
    assert spread["value"] is not None


@pytest.mark.slow
def test_strict_fails_with_exit_code_one(cli: Cli, judged: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in judged.read_text(encoding="utf-8").splitlines()]
    for row in rows:  # the worse answer is called the better one
        row["score"] = -row["score"]
    path = tmp_path / "wrong.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = ["audit", path, "--model", "none"]
    assert cli(*arguments, "--out", tmp_path / "lenient").returncode == 0
    assert cli(*arguments, "--strict", "--out", tmp_path / "strict").returncode == 1


def test_an_audit_that_measured_nothing_is_not_ok(
    cli: Cli, tiny_data: Path, tmp_path: Path
) -> None:
    result = cli("audit", tiny_data, "--model", "none", "--strict", "--out", tmp_path / "audit")
    assert result.returncode == 1, result.stderr
    assert result.stderr == ""
    table = read(tmp_path / "audit")
    assert table["verdict"] == "not enough"
    left_out = sum(check["verdict"] == "left out" for check in table["checks"].values())
    assert (
        f"the verdict is not enough, {left_out} of {len(table['checks'])} checks are left out"
        in result.stdout
    )
    assert "no attack could be made" in result.stdout
    page = (tmp_path / "audit" / "audit.html").read_text(encoding="utf-8")
    assert "Too little was measured to trust this reward" in page


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nothere.jsonl"], ["nothere.jsonl"]),
        (["builtin:instructions", "--reward", "cosin"], ["reward.similarity.variant", "'cosine'"]),
        (
            ["builtin:instructions", "--model", "none", "embedding=./no/encoder"],
            ["embedding.model"],
        ),
        (["builtin:instructions", "--compare-encoders", "a,,b"], ["--compare-encoders"]),
        (["builtin:instructions", "what.txt"], ["what.txt"]),
    ],
)
def test_a_mistake_ends_with_one_message(
    cli: Cli, tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    result = cli("audit", *arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stdout
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    assert list(tmp_path.iterdir()) == []
