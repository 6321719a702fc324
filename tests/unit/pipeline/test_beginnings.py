"""A resumed run starts from what it was begun with."""

import logging
from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.errors import RunError
from rlsr.pipeline.beginnings import FACT, Identities, identities, require_same_beginnings
from rlsr.runs import RunDirectory

BEGUN: Identities = {
    "model.name": {"model.safetensors": "a", "config.json": "b"},
    "embedding.model": {"model.safetensors": "c"},
}


def run_of(path: Path, *sessions: dict[str, object]) -> RunDirectory:
    run = RunDirectory.create(path / "run", load_config())
    for session in sessions:
        run.write_provenance(session)
    return run


def test_the_same_goes_on_and_a_run_without_sessions_has_nothing_to_compare(tmp_path: Path) -> None:
    require_same_beginnings(run_of(tmp_path / "a", {FACT: BEGUN}, {FACT: {}}), BEGUN)
    require_same_beginnings(run_of(tmp_path / "b"), BEGUN)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"model.name": {"model.safetensors": "x", "config.json": "b"}}, r"model\.name \(model\.safetensors\)"),
        ({"model.name": {"model.safetensors": "a"}}, r"model\.name \(config\.json\)"),
        ({"embedding.model": {"model.safetensors": "c", "new.json": "d"}}, r"embedding\.model \(new\.json\)"),
        ({"embedding.model": {}}, r"embedding\.model \(model\.safetensors\)"),
    ],
)  # fmt: skip
def test_what_has_changed_is_named(now: Identities, said: str, tmp_path: Path) -> None:
    run = run_of(tmp_path, {FACT: BEGUN})
    with pytest.raises(RunError, match=rf"changed since: {said}; put it back"):
        require_same_beginnings(run, {**BEGUN, **now})


def test_a_run_from_before_goes_on_with_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        require_same_beginnings(run_of(tmp_path, {"data_sha256": "a"}), BEGUN)
    assert "is not checked" in caplog.text


def test_encoders_and_translators_in_directories_are_part_of_it(tiny_model: Path) -> None:
    model = str(tiny_model)
    found = identities(
        load_config(overrides=[f"model={model}", "embedding=builtin:wordllama", "evaluation.independent_embedding=builtin:minilm"])
    )  # fmt: skip
    assert set(found) == {"model.name"}
    encoded = identities(
        load_config(overrides=[f"model={model}", f"embedding={model}", "reward=logic", f"reward.translator={{name: {model}}}"])
    )  # fmt: skip
    assert set(encoded) == {"model.name", "embedding.model", "reward.translator.name"}
    assert encoded["embedding.model"] == encoded["model.name"] == found["model.name"]
