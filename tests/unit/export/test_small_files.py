"""Settings, licences, markers and the converter: what stands beside exported weights."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.config.model import ModelConfig
from rlsr.errors import ConfigError, MissingPackageError, ModelError, RunError
from rlsr.export.description import (
    decoding_settings,
    describe_generation,
    describe_model,
    what_servers_miss,
)
from rlsr.export.gguf import CONVERTER, command, find_converter, python_of, write_gguf
from rlsr.export.licence import KEYS, find_licence, licence_in
from rlsr.export.marker import MARKER, exported_files, require_place, write_marker
from small_runs import read_table

TOKENIZER = SimpleNamespace(eos_token_id=2, pad_token_id=0)


def put(file: Path, table: dict[str, Any]) -> None:
    file.write_text(json.dumps(table), encoding="utf-8")


# --- settings ------------------------------------------------------------------------------------


def test_nothing_of_this_machine_leaves_it(tmp_path: Path) -> None:
    put(tmp_path / "config.json", {"_name_or_path": "/home/me", "_model_name_or_path": "/home/me", "torch_dtype": "float32", "use_cache": False, "vocab_size": 5})  # fmt: skip
    put(tmp_path / "tokenizer_config.json", {"is_local": True, "local_files_only": True, "tokenizer_class": "TokenizersBackend", "model_max_length": 10**30})  # fmt: skip
    describe_model(tmp_path, "bfloat16")
    assert read_table(tmp_path / "config.json") == {"vocab_size": 5, "dtype": "bfloat16", "torch_dtype": "bfloat16", "use_cache": True}  # fmt: skip
    assert read_table(tmp_path / "tokenizer_config.json") == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 10**30,
    }


ROTARY: dict[str, dict[str, Any]] = {
    "default": {"rope_type": "default", "rope_theta": 100_000.0},
    "llama3": {
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 128,
    },
    "linear": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0},
    "partial": {"rope_type": "default", "rope_theta": 1e6, "partial_rotary_factor": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("kind", ROTARY)
def test_older_programs_find_rotary_positions_and_newer_ones_read_the_same(kind: str, tmp_path: Path) -> None:  # fmt: skip
    from transformers import AutoConfig, LlamaConfig, StableLmConfig

    rotary = ROTARY[kind]
    family = StableLmConfig if kind == "partial" else LlamaConfig
    family(rope_parameters=dict(rotary), dtype="float32").save_pretrained(tmp_path)
    before = AutoConfig.from_pretrained(tmp_path)
    describe_model(tmp_path, "bfloat16")
    written = read_table(tmp_path / "config.json")
    assert written["rope_theta"] == rotary["rope_theta"]
    assert written["torch_dtype"] == "bfloat16"
    assert ("rope_scaling" in written) is (kind in {"llama3", "linear"})
    assert written.get("rope_scaling", {}).get("factor") == rotary.get("factor")
    after = AutoConfig.from_pretrained(tmp_path)
    assert after.rope_parameters == before.rope_parameters
    assert str(after.dtype) == "torch.bfloat16"


def test_rotary_positions_that_differ_by_layer_are_left_and_said(tmp_path: Path) -> None:
    by_layer = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    config = {"architectures": ["Gemma3ForCausalLM"], "dtype": "float32", "rope_parameters": by_layer}  # fmt: skip
    put(tmp_path / "config.json", config)
    describe_model(tmp_path, "float32")
    assert "rope_theta" not in read_table(tmp_path / "config.json")
    assert any("differ by layer" in sentence for sentence in what_servers_miss(tmp_path))


def test_adapters_have_no_config_of_a_model_and_other_tokenizers_stay(tmp_path: Path) -> None:
    put(tmp_path / "tokenizer_config.json", {"tokenizer_class": "Qwen2Tokenizer"})
    describe_model(tmp_path, "float32")
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer_config.json"]
    assert read_table(tmp_path / "tokenizer_config.json") == {"tokenizer_class": "Qwen2Tokenizer"}


@pytest.mark.parametrize(
    ("declared", "ends"), [(None, 2), (2, 2), (5, [5, 2]), ([5, 2, 7], [5, 2, 7]), ([], 2)]
)
def test_answers_end_where_they_ended_in_training(
    declared: Any, ends: int | list[int], tmp_path: Path
) -> None:
    put(tmp_path / "generation_config.json", {"eos_token_id": declared, "temperature": 0.6, "_from_model_config": True})  # fmt: skip
    describe_generation(tmp_path, TOKENIZER)
    assert read_table(tmp_path / "generation_config.json") == {"eos_token_id": ends, "temperature": 0.6, "pad_token_id": 0}  # fmt: skip
    assert decoding_settings(tmp_path) == {"temperature": 0.6}


def test_neutral_decoding_is_not_mentioned(tmp_path: Path) -> None:
    assert decoding_settings(tmp_path) == {}
    describe_generation(tmp_path, TOKENIZER)
    put(tmp_path / "generation_config.json", {"do_sample": False, "temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.1, "top_k": 20})  # fmt: skip
    assert decoding_settings(tmp_path) == {"repetition_penalty": 1.1, "top_k": 20}


def test_what_keeps_servers_from_a_model_is_named(tmp_path: Path) -> None:
    put(tmp_path / "config.json", {"quantization_config": {}, "auto_map": {}, "architectures": ["LlamaModel"]})  # fmt: skip
    missing = what_servers_miss(tmp_path)
    for words in ("got ['LlamaModel']", "quantization_config", "--trust-remote-code", "no weights as safetensors", "no tokenizer.json"):  # fmt: skip
        assert sum(words in sentence for sentence in missing) == 1
    assert len(missing) == 5
    put(tmp_path / "config.json", {"architectures": ["LlamaForCausalLM"]})
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).touch()
    assert what_servers_miss(tmp_path) == []


# --- licences ------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*KEYS, "tags", "license_other"]), st.text() | st.lists(st.text())), st.text())  # fmt: skip
def test_the_licence_of_a_card_is_read(head: dict[str, Any], text: str) -> None:
    card = f"---\n{yaml.safe_dump(head)}---\n{text}"
    assert licence_in(card) == {key: head[key] for key in KEYS if key in head}


@given(st.text())
def test_any_text_may_be_a_card(text: str) -> None:
    assert set(licence_in(text)) <= set(KEYS)
    assert set(licence_in(f"---\n{text}\n---\n")) <= set(KEYS)


def test_licences_of_directories_and_of_the_built_in_policy(tmp_path: Path) -> None:
    assert find_licence(ModelConfig()) == {"license": "apache-2.0"}
    model = ModelConfig(name=str(tmp_path))
    assert find_licence(model) == {}
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_name: llama3\n---\n", encoding="utf-8")  # fmt: skip
    assert find_licence(model) == {"license": "other", "license_name": "llama3"}
    assert find_licence(ModelConfig(name="no-such-org-at-all/no-model")) == {}


# --- what was written before ---------------------------------------------------------------------


def test_only_an_export_is_replaced_and_only_where_nothing_was_added(tmp_path: Path) -> None:
    target = tmp_path / "out"
    require_place(target, overwrite=False)
    target.mkdir()
    require_place(target, overwrite=True)
    (target / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match=r"--to: an export needs a directory .*; name another with --to$"):  # fmt: skip
        require_place(target, overwrite=False)
    with pytest.raises(RunError, match="--overwrite replaces only what an export has written, and this is something else"):  # fmt: skip
        require_place(target, overwrite=True)
    write_marker(target, {"form": "whole"})
    assert exported_files(target) == ["README.md"]
    with pytest.raises(RunError, match="or replace this export with --overwrite"):
        require_place(target, overwrite=False)
    require_place(target, overwrite=True)
    (target / "logs").mkdir()
    (target / "logs" / "mine.txt").touch()
    with pytest.raises(RunError, match=r"logs/mine.txt was added since; move it away"):
        require_place(target, overwrite=True)
    put(target / MARKER, {"files": "all of them"})
    with pytest.raises(RunError, match="was added since"):
        require_place(target, overwrite=True)


# --- llama.cpp -----------------------------------------------------------------------------------


def converter(directory: Path, code: str) -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / CONVERTER
    file.write_text(f"#!{sys.executable}\nimport sys\n{code}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_the_converter_is_found_in_a_checkout_or_on_the_path(tmp_path: Path) -> None:
    file = converter(tmp_path / "llama.cpp", "")
    checkout = str(file.parent)
    assert find_converter({"LLAMA_CPP": checkout, "PATH": ""}) == file
    assert find_converter({"PATH": checkout}) == file
    assert find_converter({"LLAMA_CPP": "", "PATH": checkout}) == file
    with pytest.raises(ConfigError, match=r"^LLAMA_CPP: must be a checkout of llama.cpp, got .*, which has no convert"):  # fmt: skip
        find_converter({"LLAMA_CPP": str(tmp_path), "PATH": checkout})
    with pytest.raises(MissingPackageError, match=r"git clone --depth 1 https://github.com/ggml-org/llama.cpp && python3 -m venv"):  # fmt: skip
        find_converter({"PATH": str(tmp_path)})


def test_a_gguf_file_has_its_name_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    (tmp_path / "model").mkdir()
    put(tmp_path / "model" / "config.json", {"rope_theta": 10_000.0})
    write = "from pathlib import Path; Path(sys.argv[sys.argv.index('--outfile') + 1]).write_text(' '.join(sys.argv[1:]))"
    write_gguf(converter(tmp_path / "a", write), tmp_path / "model", file, "bfloat16")
    assert file.read_text(encoding="utf-8") == (
        f"{tmp_path / 'model'} --outfile {file}.unfinished --outtype bf16"
    )
    half = f"{write}; print('Traceback', file=sys.stderr); sys.exit('no such tokenizer')"
    other = tmp_path / "other.gguf"
    with pytest.raises(ModelError, match=r"has ended with exit code 1: no such tokenizer. .*model is written; .*--outfile .*other.gguf --outtype f32"):  # fmt: skip
        write_gguf(converter(tmp_path / "b", half), tmp_path / "model", other, "float32")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b", "m.gguf", "model"]
    with pytest.raises(ModelError, match="it said nothing"):
        write_gguf(converter(tmp_path / "c", ""), tmp_path / "model", other, "float16")


WRITE_GGUF = """
import gguf
writer = gguf.GGUFWriter(sys.argv[sys.argv.index('--outfile') + 1], 'llama')
if {base}: writer.add_rope_freq_base({base})
writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.close()
"""


@pytest.mark.parametrize(
    ("written", "has", "is_right"),
    [(1e5, 1e5, True), (0, 1e4, True), (0, 1e5, False), (1e6, 1e5, False), (1e6, None, True)],
)
def test_a_converter_that_is_older_than_the_config_is_found_out(
    written: float, has: float | None, is_right: bool, tmp_path: Path
) -> None:
    pytest.importorskip("gguf")
    file, model = tmp_path / "m.gguf", tmp_path / "model"
    model.mkdir()
    put(model / "config.json", {} if has is None else {"rope_theta": has})
    writer = converter(tmp_path / "llama.cpp", WRITE_GGUF.format(base=written))
    if is_right:
        write_gguf(writer, model, file, "float32")
        assert file.is_file()
        return
    with pytest.raises(ModelError, match=r"--gguf: the converter has written rotary positions of base 1e\+0\d|of base 10000, and the model's is 100000: it is older"):  # fmt: skip
        write_gguf(writer, model, file, "float32")
    assert not list(tmp_path.glob("m.gguf*"))


def test_an_environment_beside_the_converter_runs_it(tmp_path: Path) -> None:
    file = converter(tmp_path, "")
    assert python_of(file) == sys.executable
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert command(file, tmp_path, tmp_path, "float32")[0] == str(own)


def test_the_command_is_the_one_that_llama_cpp_documents(tmp_path: Path) -> None:
    line = command(Path("convert_hf_to_gguf.py"), Path("DIR"), Path("FILE"), "float16")
    assert line[1:] == ["convert_hf_to_gguf.py", "DIR", "--outfile", "FILE", "--outtype", "f16"]
