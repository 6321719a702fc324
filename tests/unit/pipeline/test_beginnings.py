"""A resumed run starts from what it was begun with."""

import logging
from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.errors import RunError
from rlsr.pipeline.beginnings import (
    CODE,
    FACT,
    Identities,
    identities,
    require_same_beginnings,
    tell_changed_code,
)
from rlsr.rewards import reward_kind
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


def test_files_that_the_reward_reads_are_part_of_it(tiny_model: Path, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text("{}")
    reward = f"{{type: json_schema, file: {schema}}}"
    member = f"{{type: combined, members: {{form: {{reward: {reward}}}}}}}"
    config, combined = (
        load_config(overrides=[f"model={tiny_model}", f"reward={one}"]) for one in (reward, member)
    )
    before = identities(config)["reward.file"]
    assert identities(combined)["reward.members.form.reward.file"] == before
    schema.write_text("{ }")
    assert identities(config)["reward.file"].keys() == before.keys() == {"schema.json"}
    assert identities(config)["reward.file"] != before


OWN = """
import functools

def function(completions):
    return [0.0] * len(completions)

class Scorer:
    def score(self, batch):
        return [0.0] * len(batch)

scorer, partial, bound = Scorer(), functools.partial(function), Scorer().score
"""


@pytest.mark.parametrize("name", ["function", "Scorer", "scorer", "partial", "bound"])
def test_the_file_of_a_rewards_own_code_is_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"scores_{name}.py"
    file.write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    reward = f"{{type: python, function: 'scores_{name}:{name}'}}"
    config = load_config(overrides=[f"reward={reward}"])
    assert reward_kind(config).own_code(config) == {"reward.function": str(file)}
    combined = load_config(overrides=[f"reward={{type: combined, members: {{own: {{reward: {reward}}}}}}}"])  # fmt: skip
    assert reward_kind(combined).own_code(combined) == {"reward.members.own.reward.function": str(file)}  # fmt: skip


def test_code_without_a_file_is_not_looked_at() -> None:
    config = load_config(overrides=["reward={type: python, function: 'operator:length_hint'}"])
    assert reward_kind(config).own_code(config) == {}


def test_changed_code_is_said_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code: Identities = {"reward.function": {"mine.py": "a"}}
    mended: Identities = {"reward.function": {"mine.py": "b"}}
    run = run_of(tmp_path / "a", {CODE: code})
    tell_changed_code(run, code)
    tell_changed_code(run_of(tmp_path / "b"), code)
    tell_changed_code(run_of(tmp_path / "c", {FACT: {}}), code)
    assert not caplog.text
    tell_changed_code(run, mended)
    assert (
        "reward.function (mine.py); steps so far were rewarded by the code of then" in caplog.text
    )
    caplog.clear()
    run.write_provenance({CODE: mended})
    tell_changed_code(run, mended)
    assert not caplog.text, "it is said once"
