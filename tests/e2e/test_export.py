"""``rlsr export``: what comes out answers as what went in, loaded by the libraries of others alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from hub_server import TOKEN, hub_server
from rlsr.cli.commands import app
from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError, MissingPackageError, ModelError, RlsrError, RunError
from rlsr.models import load_policy
from rlsr.models.builtin import SMOLLM2
from rlsr.models.classifiers import load_scorer, save_classifier
from rlsr.runs import RunDirectory
from small_runs import read_table, write_run
from tiny import Cli

QUESTION = [{"role": "user", "content": "the cat sat"}]


@pytest.fixture(scope="module")
def whole(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return write_run(tmp_path_factory.mktemp("whole") / "run", tiny_model)


@pytest.fixture(scope="module")
def adapted(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return write_run(tmp_path_factory.mktemp("adapted") / "run", tiny_model, rank=2)


def export(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["export", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def asked(model: Any, tokenizer: Any) -> tuple[torch.Tensor, str]:
    """Ask with what transformers has alone: the logits of the prompt, and the greedy answer."""
    prompt = tokenizer.apply_chat_template(
        QUESTION, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.no_grad():
        logits = model(**prompt).logits[0]
        answer = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    return logits.float(), tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :])


def asked_before(run: RunDirectory) -> tuple[torch.Tensor, str]:
    policy = load_policy(run.read_config().model.saved_in(run.final), "cpu")
    return asked(policy.model, policy.tokenizer)


def asked_after(directory: Path) -> tuple[torch.Tensor, str]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(directory).eval()
    return asked(model, AutoTokenizer.from_pretrained(directory))


def head_of(directory: Path) -> dict[str, Any]:
    card = (directory / "README.md").read_text(encoding="utf-8")
    found = yaml.safe_load(card.split("---\n")[1])
    assert isinstance(found, dict)
    return found


def test_whole_weights_answer_the_same(whole: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = export(whole.path, "--to", out, "--merge")
    assert "there is nothing to merge" in said
    assert f"vllm serve {out}" in said
    (before, answer), (after, again) = asked_before(whole), asked_after(out)
    assert torch.equal(before, after)
    assert answer == again
    assert read_table(out / "config.json")["architectures"] == ["LlamaForCausalLM"]
    assert read_table(out / "config.json")["dtype"] == "float32"
    assert head_of(out) == {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["rlsr", "grpo"]}  # fmt: skip
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "| chrF | 0.1 [0.1, 0.3] | 0.2 [0.1, 0.3] | +0.1 [+0.1, +0.3] | up |" in card
    assert "on mine.jsonl: " in card
    assert "/home/me" not in card, "the directories of this machine are nobody's business"
    # It is a model like any other here, too.
    load_policy(ModelConfig(name=str(out)), "cpu")


def test_merged_adapters_answer_the_same(adapted: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(adapted.path, "--to", out, "--merge")
    (before, answer), (after, again) = asked_before(adapted), asked_after(out)
    assert torch.allclose(before, after, atol=1e-5)
    assert answer == again
    assert not list(out.glob("adapter_*"))
    assert head_of(out)["library_name"] == "transformers"
    assert "LoRA adapters trained by" in (out / "README.md").read_text(encoding="utf-8")


def test_a_server_is_told_of_ranks_that_it_would_not_allow(
    tiny_model: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", tiny_model, rank=20)
    said = " ".join(export(run.path, "--to", tmp_path / "out").split())
    assert "--enable-lora --max-lora-rank 32 --lora-modules out=" in said


def test_adapters_load_in_peft_as_they_are(adapted: RunDirectory, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    out = tmp_path / "out"
    said = " ".join(export(adapted.path, "--to", out).split())
    assert "which is on this machine alone: --merge makes a model of its own" in said
    assert "--enable-lora --lora-modules out=" in said
    model = AutoPeftModelForCausalLM.from_pretrained(out).eval()
    (before, answer), (after, again) = asked_before(adapted), asked(model, AutoTokenizer.from_pretrained(out))  # fmt: skip
    assert torch.equal(before, after)
    assert answer == again
    assert head_of(out)["library_name"] == "peft"


@pytest.mark.parametrize("dtype", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_half_precision_is_half_as_large(dtype: str, adapted: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = export(adapted.path, "--to", out, "--merge", "--dtype", dtype, "--dry-run")
    assert not out.exists(), "nothing is written"
    export(adapted.path, "--to", out, "--merge", "--dtype", dtype)
    size = (out / "model.safetensors").stat().st_size
    [announced] = [line.split() for line in said.splitlines() if "model.safetensors" in line]
    assert float(announced[0]) == pytest.approx(size / 1e3, rel=0.05)
    assert read_table(out / "config.json")["dtype"] == dtype
    merged = load_policy(adapted.read_config().model.saved_in(adapted.final), "cpu").model
    weights = load_file(out / "model.safetensors")
    for name, weight in merged.merge_and_unload().state_dict().items():
        assert torch.equal(weights.pop(name), weight.to(getattr(torch, dtype))), "rounded once"
    assert not weights
    asked_after(out)


def test_a_scorer_scores_the_same(tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    run = write_run(tmp_path / "run", tiny_model, overrides=["method=reward_model"])
    scorer = load_scorer(run.read_config().model, "cpu")
    torch.manual_seed(0)
    torch.nn.init.normal_(scorer.model.score.weight)
    for file in run.final.iterdir():
        file.unlink()
    save_classifier(scorer, run.final)
    said = export(run.path, "--to", tmp_path / "out")
    assert "reward=preference_model reward.model=" in said
    assert head_of(tmp_path / "out")["pipeline_tag"] == "text-classification"
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    ids = torch.tensor([[5, 9, 11, 2]])
    with torch.no_grad():
        assert torch.equal(loaded(ids).logits, scorer.model(ids).logits)
    with pytest.raises(ConfigError, match="--gguf: is for models that write"):
        export(run.path, "--to", tmp_path / "b", "--gguf", tmp_path / "m.gguf")


def test_an_export_replaces_itself_alone(whole: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(whole.path, "--to", out)
    with pytest.raises(RunError, match="or replace this export with --overwrite"):
        export(whole.path, "--to", out)
    export(whole.path, "--to", out, "--overwrite", "--dtype", "bfloat16")
    assert read_table(out / "config.json")["dtype"] == "bfloat16"
    (out / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match=r"thesis.txt was added since"):
        export(whole.path, "--to", out, "--overwrite")
    assert (out / "thesis.txt").is_file()


def test_what_fails_leaves_nothing_under_its_name(
    whole: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("rlsr.export.write.write_card", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(whole.path, "--to", out)
    assert not out.exists()
    monkeypatch.undo()
    export(whole.path, "--to", out)
    assert [one.name for one in tmp_path.iterdir()] == ["out"], "what was begun before is gone"


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["{model}", "--to", "{new}"], ConfigError, "an export starts from a run or from stages"),
        (["{run}", "--to", "{run}/export"], ConfigError, "--to: must lie outside of the run"),
        (["{run}", "--to", "{new}", "--private"], ConfigError, "--private: says who sees what is pushed, and nothing is"),
        (["{run}", "--to", "{new}", "--push", "cat"], ConfigError, "--push: must be ORG/NAME"),
        (["{run}", "--to", "{new}", "--push", "me/cat"], ConfigError, "--push: needs a token"),
        (["{run}", "--to", "{new}", "--gguf", "{new}.gguf"], ConfigError, "--gguf: takes a whole model, and the run has left adapters; add --merge"),
        (["{run}", "--to", "{new}", "--merge", "--gguf", "{run}/config.json"], ConfigError, "exists already, and nothing is overwritten"),
        (["{run}", "--to", "{new}", "--merge", "--gguf", "{new}/m.gguf"], ConfigError, "--gguf: must lie outside of"),
        (["{run}", "--to", "{new}", "--merge", "--gguf", "{new}er/m.gguf"], ConfigError, "the directory .* must be there"),
        (["{run}", "--to", "{new}", "--merge", "--gguf", "{new}.gguf"], MissingPackageError, "git clone --depth 1"),
    ],
)  # fmt: skip
def test_mistakes_are_named_before_anything_is_written(
    arguments: list[str],
    kind: type[RlsrError],
    message: str,
    adapted: RunDirectory,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    for name in ("HF_TOKEN", "LLAMA_CPP"):
        monkeypatch.delenv(name, raising=False)
    named = [
        one.format(model=tiny_model, run=adapted.path, new=tmp_path / "new") for one in arguments
    ]
    with pytest.raises(kind, match=message):
        export(*named)
    assert not list(tmp_path.iterdir())


def test_damaged_weights_and_runs_without_an_end_are_refused(tiny_model: Path, tmp_path: Path) -> None:  # fmt: skip
    run = write_run(tmp_path / "run", tiny_model)
    weights = run.final / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="the weights were damaged since they were saved"):
        export(run.path, "--to", tmp_path / "out")
    (run.path / "manifest.json").unlink()
    with pytest.raises(RunError, match="the run is not complete"):
        export(run.path, "--to", tmp_path / "out")


def test_what_is_not_of_the_model_stays_where_it_is(tiny_model: Path, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tiny_model)
    of_the_model = {file.name for file in run.final.iterdir()}
    for name in ("notes.txt", "secrets.json", "optimizer.pt", ".env"):
        (run.final / name).write_text("mine", encoding="utf-8")
    export(run.path, "--to", tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == of_the_model | {"README.md", "rlsr_export.json"}


def test_a_disk_without_room_is_said_before_anything_is_written(
    whole: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = SimpleNamespace(free=100_000)
    monkeypatch.setattr("rlsr.export.plan.shutil.disk_usage", lambda _: full)
    with pytest.raises(
        RunError, match=r"--to: .* needs 1\d\d,\d\d\d bytes, and 100,000 are free there; make room"
    ):
        export(whole.path, "--to", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_kill_leaves_no_half_model(whole: RunDirectory, tmp_path: Path, private_cache: Path) -> None:  # fmt: skip
    """Killed while it writes, the directory is not there, or is the whole one of before."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "rlsr.cli.main", "export", str(whole.path), "--to", str(out), "--overwrite"]  # fmt: skip
    environment = {**os.environ, "XDG_CACHE_HOME": str(private_cache)}
    for delay in (0.0, 0.1):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        while not out.with_name("out.unfinished").exists():
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        process.wait()
        if out.exists():
            assert {file.name for file in out.iterdir()} == set(read_table(out / "rlsr_export.json")["files"])  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    asked_after(out)


@pytest.mark.slow
def test_the_built_in_policy_is_merged_and_needs_nothing_of_ours(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", SMOLLM2, rank=2)
    export(run.path, "--to", tmp_path / "out", "--merge")
    (before, answer), (after, again) = asked_before(run), asked_after(tmp_path / "out")
    assert torch.allclose(before, after, atol=2e-3)
    assert answer == again
    assert head_of(tmp_path / "out")["license"] == "apache-2.0"


@pytest.mark.slow
def test_the_program_pushes_to_a_hub(adapted: RunDirectory, tmp_path: Path, private_cache: Path) -> None:  # fmt: skip
    with hub_server() as hub:
        own = {
            "HF_ENDPOINT": hub.address, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
            "XDG_CACHE_HOME": str(private_cache), "HF_HOME": str(tmp_path / "hf"),
        }  # fmt: skip

        def run(*more: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "rlsr.cli.main", "export", str(adapted.path), "--to", str(tmp_path / "out"), "--merge", "--push", "me/cat", "--private", *more],
                check=False, env={**os.environ, **own}, capture_output=True, encoding="utf-8",
            )  # fmt: skip

        dry = run("--dry-run")
        assert dry.returncode == 0, dry.stderr
        assert "then to me/cat on the hub, which nobody else sees" in dry.stdout
        assert hub.files == {}
        done = run()
        assert done.returncode == 0, done.stderr
        assert f"pushed: {hub.address}/me/cat/commit/" in done.stdout
        assert TOKEN not in done.stdout + done.stderr
        pushed = hub.files["me/cat"]
        assert set(pushed) == {"README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}  # fmt: skip
        assert json.loads(pushed["config.json"])["dtype"] == "float32"
        card = pushed["README.md"].decode()
        assert 'from_pretrained("me/cat")' in card
        assert hub.private["me/cat"]


@pytest.mark.slow
def test_a_trained_run_and_stages_are_exported(cli: Cli, tiny_settings: list[str], tmp_path: Path) -> None:  # fmt: skip
    settings = [one for one in tiny_settings if not one.startswith(("stages", "model.lora", "method.num"))]  # fmt: skip
    trained = cli("train", *settings, "method=[sft,rlsr]", "model.lora.rank=2", "--out", tmp_path / "run")  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    done = cli("export", tmp_path / "run", "--to", tmp_path / "out", "--merge")
    assert done.returncode == 0, done.stderr
    (before, answer), (after, again) = asked_before(RunDirectory(tmp_path / "run" / "2-rlsr")), asked_after(tmp_path / "out")  # fmt: skip
    assert torch.allclose(before, after, atol=1e-5)
    assert answer == again
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "after SFT, then RLSR (arXiv 2510.14200)." in card
    assert "## Held-out prompts, all of training" in card
    assert head_of(tmp_path / "out")["tags"] == ["rlsr", "sft", "grpo"]
