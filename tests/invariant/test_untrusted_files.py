"""Nothing of a file that was read runs, unless the config asks for it by name."""

import ast
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import rlsr
from payload import module_text, pickled
from rlsr.comparison.experiment import load_experiment
from rlsr.config import load_config
from rlsr.config.data import DataConfig
from rlsr.config.embedding import SentenceTransformersEmbedding
from rlsr.config.model import ModelConfig
from rlsr.data import load_dataset
from rlsr.embeddings.sentence_transformers import SentenceTransformersEmbedder
from rlsr.errors import ConfigError, DataError, ModelError
from rlsr.models import load_policy
from rlsr.models.load import load_model_config, load_tokenizer

RUN_WHAT_THEY_READ = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
CALLS = {"eval", "exec", "compile", "torch.load", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "np.load", "numpy.load", "os.system"}  # fmt: skip

CALLED_IN_THE_SANDBOX = {"compile", "exec"}
"""What runs code of others there, behind limits; a grader's only where ``reward.allow_python`` says so."""


@pytest.fixture
def sign(tmp_path: Path) -> Iterator[Path]:
    """Where a payload leaves its sign; at the end of the test there must be none."""
    file = tmp_path / "it-ran"
    yield file
    assert not file.exists(), "code of the file has run"


def test_no_code_of_ours_runs_what_it_reads() -> None:
    for source in Path(rlsr.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            place = f"{source}:{getattr(node, 'lineno', 0)}"
            assert not RUN_WHAT_THEY_READ & set(imported(node)), place
            if isinstance(node, ast.Call):
                in_sandbox = (
                    CALLED_IN_THE_SANDBOX if source.match("rlsr/sandbox/inside.py") else set()
                )
                assert ast.unparse(node.func) not in CALLS - in_sandbox, place
                assert "shell" not in {word.arg for word in node.keywords}, place


def imported(node: ast.AST) -> list[str]:
    """Name the packages that a statement imports."""
    if isinstance(node, ast.Import):
        return [found.name.partition(".")[0] for found in node.names]
    return [(node.module or "").partition(".")[0]] if isinstance(node, ast.ImportFrom) else []


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:pathlib.Path.touch", "!!python/object/new:pathlib.Path"]
)
def test_yaml_makes_no_objects(tag: str, sign: Path, tmp_path: Path) -> None:
    value = f"{tag} [{sign}]"
    file = tmp_path / "config.yaml"
    file.write_text(
        f"seed: {value}\nrecipes: {{a: {{}}, b: {{seed: {value}}}}}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config([file])
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_experiment(file)
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(overrides=[f"seed={value}"])


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.pkl", "a.npy", "a.npz", "a.joblib", "a.pt", "a.jsonl", "a.parquet", "a.json.gz"])  # fmt: skip
def test_a_pickle_is_no_data(name: str, sign: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pickled(sign))
    with pytest.raises(DataError):
        load_dataset(DataConfig(path=str(tmp_path / name)))


def test_an_extension_type_of_a_parquet_file_is_not_unpickled(sign: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    named = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickled(sign)}  # fmt: skip
    schema = pyarrow.schema(
        [
            pyarrow.field("prompt", pyarrow.string()),
            pyarrow.field("response", pyarrow.string(), metadata=named),
        ]
    )
    file = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"prompt": ["Q"], "response": ["A"]}, schema=schema), file)
    (record,) = load_dataset(DataConfig(path=str(file), heldout=0)).train
    assert record.reference == "A"


def test_a_script_beside_data_is_not_run(sign: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "set.py").write_text(module_text(sign), encoding="utf-8")
    (folder / "rows.jsonl").write_text('{"prompt": "Q", "response": "A"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"rows\.jsonl"):
        load_dataset(DataConfig(path=str(folder)))


# --- models ---------------------------------------------------------------------------------------


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model of one's own to change."""
    return shutil.copytree(tiny_model, tmp_path / "model")


def as_pickle(model: Path, sign: Path) -> Path:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickled(sign))
    return model


def with_module(model: Path, sign: Path) -> Path:
    """Let a model ask for code of its own, as those on the hub do that need trust."""
    (model / "own.py").write_text(module_text(sign), encoding="utf-8")
    for name, classes in (
        ("config.json", {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel", "AutoModel": "own.OwnModel"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["own.OwnTokenizer", None]}),
    ):  # fmt: skip
        table = json.loads((model / name).read_text(encoding="utf-8"))
        table |= {"auto_map": classes, "model_type": "own", "tokenizer_class": "OwnTokenizer"}
        (model / name).write_text(json.dumps(table), encoding="utf-8")
    (model / "tokenizer.json").unlink()
    return model


def test_weights_in_a_pickle_are_not_loaded(model: Path, sign: Path) -> None:
    config = ModelConfig(name=str(as_pickle(model, sign)), lora=None)
    # Whatever is said of them.
    with suppress(Exception):
        load_policy(config, "cpu")
        pytest.fail("there are no other weights")


def test_adapters_in_a_pickle_are_not_loaded(tiny_model: Path, tmp_path: Path, sign: Path) -> None:
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    table = {"peft_type": "LORA", "base_model_name_or_path": str(tiny_model), "r": 8, "target_modules": ["q_proj"]}  # fmt: skip
    (adapters / "adapter_config.json").write_text(json.dumps(table), encoding="utf-8")
    (adapters / "adapter_model.bin").write_bytes(pickled(sign))
    with suppress(Exception):
        load_policy(ModelConfig(name=str(adapters)), "cpu")
        pytest.fail("there are no other weights")


def test_code_that_comes_with_a_model_is_not_run(model: Path, sign: Path) -> None:
    config = ModelConfig(name=str(with_module(model, sign)))
    for load in (load_model_config, load_tokenizer):
        with pytest.raises(ModelError, match="trust_remote_code"):
            load(config)


def test_code_that_comes_with_a_model_is_run_where_it_is_trusted(
    model: Path, tmp_path: Path
) -> None:
    sign = tmp_path / "sign"
    config = ModelConfig(name=str(with_module(model, sign)), trust_remote_code=True)
    with suppress(Exception):
        load_model_config(config)
    assert sign.exists()


def test_a_chat_template_reaches_nothing(model: Path, sign: Path) -> None:
    reach = f"{{{{ cycler.__init__.__globals__.os.mknod({str(sign)!r}) }}}}"
    (model / "chat_template.jinja").write_text(reach, encoding="utf-8")
    with suppress(Exception):
        tokenizer = load_tokenizer(ModelConfig(name=str(model)))
        tokenizer.apply_chat_template([{"role": "user", "content": "Q"}], tokenize=False)
        pytest.fail("the template is no template")


# --- encoders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["safe", "pickled"])
def test_code_that_comes_with_an_encoder_is_not_run(weights: str, model: Path, sign: Path) -> None:
    pytest.importorskip("sentence_transformers")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "own.Own"}]
    if weights == "pickled":
        as_pickle(model, sign)
        modules[0]["type"] = "sentence_transformers.models.Transformer"
    (model / "own.py").write_text(module_text(sign), encoding="utf-8")
    (model / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    rule = "embedding.trust_remote_code" if weights == "safe" else None
    with pytest.raises(Exception, match=rule) as error:
        SentenceTransformersEmbedder(SentenceTransformersEmbedding(model=str(model)), "cpu")
    assert isinstance(error.value, ModelError) or rule is None
