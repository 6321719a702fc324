"""From files and overrides to a config, and what is said when that fails."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from rlsr.config import RunConfig, config_from_table, load_config, load_stages
from rlsr.config.embedding import SentenceTransformersEmbedding, StaticEmbedding
from rlsr.config.logic import LiteralEvaluation
from rlsr.config.method import RlsrMethod
from rlsr.config.preference import DpoMethod
from rlsr.config.reward import LogicReward, SimilarityReward
from rlsr.config.supervised import SftMethod
from rlsr.errors import ConfigError

TOP_KEYS = "data, device, embedding, engine, evaluation, forecast, method, model, monitors, pipeline, reward, seed, threads, tracking, training, validation"
WORDLLAMA = ["embedding=builtin:wordllama", "evaluation.independent_embedding=null"]

WriteYaml = Callable[..., Path]


@pytest.fixture
def write_yaml(tmp_path: Path) -> WriteYaml:
    def write(text: str, name: str = "run.yaml") -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def message_of(files: list[Path], overrides: list[str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(files, overrides)
    return str(caught.value)


# --- shorthands ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("model=org/policy", "model.name=org/policy"),
        ("data=mine.jsonl", "data.path=mine.jsonl"),
        ("embedding=org/encoder", "embedding.model=org/encoder"),
        ("method=rlsr", "method.type=rlsr"),
        ("engine=trl", "engine.type=trl"),
    ],
)
def test_a_table_written_as_one_string_means_its_main_key(
    short: str, long: str, write_yaml: WriteYaml
) -> None:
    key, _, value = short.partition("=")
    from_long = load_config(overrides=[long])
    assert load_config(overrides=[short]) == from_long
    assert load_config([write_yaml(f"{key}: {value}\n")]) == from_long
    assert config_from_table({key: value}) == from_long


def test_a_shorthand_keeps_what_earlier_layers_said_about_the_same_table(
    write_yaml: WriteYaml,
) -> None:
    file = write_yaml("model:\n  name: first\n  lora:\n    rank: 3\n")
    model = load_config([file], ["model=second"]).model
    assert model.name == "second"
    assert model.lora is not None
    assert model.lora.rank == 3


@pytest.mark.parametrize(
    ("model", "kind"),
    [("builtin:wordllama", StaticEmbedding), ("org/any", SentenceTransformersEmbedding)],
)
def test_the_name_of_an_encoder_implies_its_type(model: str, kind: type) -> None:
    table = {"embedding": {"model": model}, "evaluation": {"independent_embedding": None}}
    embedding = config_from_table(table).embedding
    assert type(embedding) is kind
    assert embedding.model == model


@pytest.mark.parametrize("table", [{}, {"embedding": {}}, {"embedding": {"type": "static"}}])
def test_without_a_word_about_it_the_encoder_needs_no_transformer(
    table: dict[str, object],
) -> None:
    assert config_from_table(table).embedding == StaticEmbedding()


def test_a_type_alone_takes_the_model_of_its_kind() -> None:
    embedding = load_config(overrides=["embedding.type=sentence-transformers"]).embedding
    assert embedding == SentenceTransformersEmbedding(model="builtin:minilm")


@pytest.mark.parametrize("model", [[], ["embedding=builtin:wordllama"]])
@pytest.mark.parametrize(
    "setting", ["tokens_per_batch=64", "max_tokens=3", "device=cpu", "prompt=hello"]
)
def test_settings_of_a_transformer_need_one(model: list[str], setting: str) -> None:
    key = setting.partition("=")[0]
    expected = (
        f"embedding.{key}: a setting of transformer encoders, and the encoder is builtin:wordllama, which is none; "
        "name one as well, as in embedding.model=builtin:minilm"
    )
    assert message_of([], [f"embedding.{setting}", *model]) == expected
    assert message_of([], [*model, f"embedding.{setting}"]) == expected


def test_a_later_layer_may_name_the_encoder_that_a_setting_is_for(write_yaml: WriteYaml) -> None:
    settings = write_yaml("embedding:\n  tokens_per_batch: 100\n", "settings.yaml")
    model = write_yaml("embedding: org/one\n", "model.yaml")
    expected = SentenceTransformersEmbedding(model="org/one", tokens_per_batch=100)
    assert load_config([settings, model]).embedding == expected
    assert load_config([model, settings]).embedding == expected


# --- layers -------------------------------------------------------------------------------------


def test_nothing_given_is_all_defaults() -> None:
    assert load_config() == RunConfig() == config_from_table({})


def test_later_files_win_and_overrides_win_over_files(write_yaml: WriteYaml) -> None:
    first = write_yaml(
        "seed: 1\nmethod:\n  clip: 0.1\n  top_p: 0.9\n  temperature: 0.5\n", "1.yaml"
    )
    second = write_yaml("seed: 2\nmethod:\n  top_p: 0.8\n", "2.yaml")
    third = write_yaml("", "3.yaml")
    config = load_config([first, second, third], ["method.temperature=0.7"])
    assert config.seed == 2
    method = config.method
    assert isinstance(method, RlsrMethod)
    assert (method.clip, method.top_p, method.temperature) == (0.1, 0.8, 0.7)
    assert load_config([second, first]).method == RlsrMethod(clip=0.1, top_p=0.9, temperature=0.5)


def test_the_last_of_two_overrides_of_a_key_wins() -> None:
    assert load_config(overrides=["seed=1", "seed=2"]).seed == 2


def test_a_table_may_be_overridden_as_a_whole_or_switched_off() -> None:
    lora = load_config(overrides=["model.lora={rank: 2, alpha: 4}"]).model.lora
    assert lora is not None
    assert (lora.rank, lora.alpha) == (2, 4)
    assert load_config(overrides=["model.lora.rank=2", "model.lora=null"]).model.lora is None


def test_options_of_the_engine_from_several_layers_are_merged(write_yaml: WriteYaml) -> None:
    file = write_yaml("engine:\n  options:\n    mask_truncated_completions: true\n")
    options = load_config([file], ["engine.options.log_completions=true"]).engine.options
    assert options == {"mask_truncated_completions": True, "log_completions": True}


@pytest.mark.parametrize("change", ["embedding=org/other", "embedding.type=sentence-transformers"])
def test_the_same_type_keeps_earlier_settings(change: str, write_yaml: WriteYaml) -> None:
    file = write_yaml("embedding:\n  model: org/one\n  tokens_per_batch: 100\n")
    embedding = load_config([file], [change]).embedding
    assert isinstance(embedding, SentenceTransformersEmbedding)
    assert embedding.tokens_per_batch == 100


def test_a_changed_type_clears_the_keys_of_the_old_one(write_yaml: WriteYaml) -> None:
    file = write_yaml("embedding:\n  model: org/one\n  tokens_per_batch: 100\n")
    assert load_config([file], WORDLLAMA).embedding == StaticEmbedding()
    static = write_yaml("embedding: builtin:wordllama\n", "static.yaml")
    assert load_config([static, file]).embedding == SentenceTransformersEmbedding(
        model="org/one", tokens_per_batch=100
    )


# --- numbers and nothing else -------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001", "1e-04"])
def test_numbers_with_an_exponent_are_numbers(text: str, write_yaml: WriteYaml) -> None:
    file = write_yaml(f"training:\n  learning_rate: {text}\n")
    assert load_config([file]).training.learning_rate == 1e-4
    assert load_config(overrides=[f"training.learning_rate={text}"]).learning_rate == 1e-4


def test_numbers_with_an_exponent_are_numbers_in_the_open_table_too() -> None:
    config = load_config(overrides=["engine.options.adam_epsilon=1e-6"])
    assert config.engine.options == {"adam_epsilon": 1e-6}


@pytest.mark.parametrize("text", ["12", "0.25", "1e-1", "0"])
def test_held_out_rows_are_a_count_or_a_share(text: str) -> None:
    assert load_config(overrides=[f"data.heldout={text}"]).data.heldout == float(text)


@pytest.mark.parametrize(
    ("overrides", "rate"),
    [
        ([], 1e-4),
        (["model.lora=null"], 1e-6),
        (["method=dpo"], 1e-5),
        (["method=dpo", "model.lora=null"], 1e-6),
        (["method=sft"], 2e-4),
        (["method=pear", "model.lora=null"], 2e-5),
        (["training.learning_rate=3e-5"], 3e-5),
        (["model.lora=null", "training.learning_rate=3e-5"], 3e-5),
    ],
)
def test_the_learning_rate_follows_the_trained_weights(overrides: list[str], rate: float) -> None:
    assert load_config(overrides=overrides).learning_rate == rate


# --- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "method.num_generations=1",
            "method.num_generations: must be greater than or equal to 2, got 1",
        ),
        (
            "method.update_subset=9",
            "method.update_subset: must be at most method.num_generations = 8, got 9; sample more responses, or take null "
            "to learn from all of them",
        ),
        (
            "method.update_subset=1",
            "method.update_subset: must be greater than or equal to 2, got 1",
        ),
        ("method.top_p=1.5", "method.top_p: must be less than or equal to 1, got 1.5"),
        ("method.clip=0", "method.clip: must be greater than 0, got 0"),
        ("seed=-1", "seed: must be greater than or equal to 0, got -1"),
        ("seed=4294967296", "seed: must be less than 4294967296, got 4294967296"),
        ("seed=0.5", "seed: must be a valid integer, got a number with a fractional part, got 0.5"),
        (
            "embedding.tokens_per_batch=7",
            "embedding.tokens_per_batch: must be greater than or equal to 8, got 7",
        ),
        (
            "reward.similarity=dice",
            "reward.similarity: must be a valid dictionary or instance of SimilarityConfig, got 'dice'",
        ),
        (
            "reward.similarity.variant=dice",
            "reward.similarity.variant: must be 'blend', 'ensemble' or 'cosine', got 'dice'",
        ),
        (
            "reward.similarity.recall_weight=0",
            "reward.similarity.recall_weight: must be greater than or equal to 0.1, got 0",
        ),
        (
            "reward.similarity.recall_weight=11",
            "reward.similarity.recall_weight: must be less than or equal to 10, got 11",
        ),
        (
            "reward.similarity.number_share=-0.1",
            "reward.similarity.number_share: must be greater than or equal to 0, got -0.1",
        ),
        (
            "reward.similarity.number_share=1.1",
            "reward.similarity.number_share: must be less than or equal to 1, got 1.1",
        ),
        ("device=gpu", "device: must be 'auto', 'cpu', 'cuda' or 'mps', got 'gpu'"),
        (
            "method=stf",
            "method.type: must be 'rlsr', 'sgrpo', 'rlpt', 'rank', 'osft', 'raft', 'sft', 'dft', 'iw_sft', 'pear', 'ift', 'dpo', 'reward_model', got 'stf'; did you mean sft?",
        ),
        (
            "method=reinforce",
            "method.type: must be 'rlsr', 'sgrpo', 'rlpt', 'rank', 'osft', 'raft', 'sft', 'dft', 'iw_sft', 'pear', 'ift', 'dpo', 'reward_model', got 'reinforce'",
        ),
        ("engine=slime", "engine.type: must be 'trl', 'verl', got 'slime'"),
        (
            "engine.passes=packed",
            "engine.passes: must be 'auto', 'grouped' or 'plain', got 'packed'",
        ),
        ("engine.pases=plain", "engine.pases: unknown setting; did you mean engine.passes?"),
        (
            "data.heldout=many",
            "data.heldout: must be a valid number, unable to parse string as a number, got 'many'",
        ),
        ("data.path=yes", "data.path: must be a valid string, got True"),
        (
            "training.epochs=null",
            "training.epochs: must be a valid number, got null; leave it out, and it has its default",
        ),
        ("training.learning_rate=.nan", "training.learning_rate: must be a finite number, got nan"),
        ("training.learning_rate=.inf", "training.learning_rate: must be a finite number, got inf"),
        ("training.adam_betas=[0.9, 1]", "training: adam_betas must each lie in [0, 1)"),
        (
            "model.lora=false",
            "model.lora: must be a valid dictionary or instance of LoraConfig, got False",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(override: str, message: str) -> None:
    assert message_of([], ["embedding.type=sentence-transformers", override]) == message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "method.num_generatons=4",
            "method.num_generatons: unknown setting; did you mean method.num_generations?",
        ),
        ("model.lora.rnk=4", "model.lora.rnk: unknown setting; did you mean model.lora.rank?"),
        (
            "embedding.token_per_batch=64",
            "embedding.token_per_batch: unknown setting; did you mean embedding.tokens_per_batch?",
        ),
        (
            "monitors.cut.actoin=stop",
            "monitors.cut.actoin: unknown setting; did you mean monitors.cut.action?",
        ),
        ("sed=1", "sed: unknown setting; did you mean seed?"),
        ("quux=1", f"quux: unknown setting; the settings here are {TOP_KEYS}"),
        (
            "data.columns.zzz=1",
            "data.columns.zzz: unknown setting; the settings here are prompt, rejected, response, system",
        ),
    ],
)
def test_an_unknown_setting_gets_the_nearest_name_or_all_names(override: str, message: str) -> None:
    assert message_of([], [override]) == message


def test_every_mistake_of_all_layers_is_listed_at_once(write_yaml: WriteYaml) -> None:
    file = write_yaml("seed: -1\nmethod:\n  num_generations: 1\n  clipp: 0.2\n")
    lines = message_of([file], ["embedding.max_tokens=3", "device=tpu"]).splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [
        "device",
        "embedding.max_tokens",
        "method.clipp",
        "method.num_generations",
        "seed",
    ]


def test_an_independent_encoder_that_is_the_rewards_is_refused() -> None:
    message = message_of([], ["evaluation.independent_embedding=builtin:wordllama"])
    assert message.startswith(
        "evaluation.independent_embedding: must not be the reward's encoder 'builtin:wordllama'"
    )
    assert "name another encoder or null" in message
    assert "'builtin:minilm'" in message_of(
        [], ["embedding=builtin:minilm", "evaluation.independent_embedding=builtin:minilm"]
    )


def test_mini_batches_are_all_of_one_size() -> None:
    one = load_config(
        overrides=["method=rlsr", "training.prompts_per_step=8", "method.prompts_per_update=2"]
    )
    assert one.method.num_mini_batches(8) == 4
    assert one.method.batch_in_words(8) == "8 x 8 responses, 4 updates from 2 prompts each"
    assert message_of(
        [], ["method=rlsr", "training.prompts_per_step=8", "method.prompts_per_update=3"]
    ) == (
        "method.prompts_per_update: must divide training.prompts_per_step = 8, got 3; take a divisor, or null to learn from the whole "
        "rollout at once"
    )


def test_the_independent_encoder_is_another_than_the_rewards_by_itself() -> None:
    assert load_config().independent_embedding == "builtin:minilm"
    for model in ("builtin:minilm", "org/encoder"):
        other = load_config(overrides=[f"embedding={model}"])
        assert other.independent_embedding == "builtin:wordllama"
    assert load_config(overrides=WORDLLAMA).independent_embedding is None


@pytest.mark.parametrize("argument", ["seed", "=1", ".seed=1", "seed.=1", "method..clip=0.1"])
def test_an_override_of_another_form_is_refused(argument: str) -> None:
    assert message_of([], [argument]) == (
        f"{argument!r}: an override is written dotted.key=value, as in method.num_generations=4"
    )


def test_an_override_whose_value_is_no_yaml_is_refused() -> None:
    message = message_of([], ["training.adam_betas=[0.9"])
    assert message.startswith("training.adam_betas=[0.9: not valid YAML: ")


def test_a_value_may_hold_equals_signs() -> None:
    assert load_config(overrides=["data.path=a=b.jsonl"]).data.path == "a=b.jsonl"


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("seed: 1\nseed: 2\n", 2, "seed"),
        ("method:\n  clip: 0.1\n  top_p: 1\n  clip: 0.2\n", 4, "clip"),
        ("# a comment\nmodel:\n  lora: {rank: 1, rank: 2}\n", 3, "rank"),
        ("method: {type: rlsr}\nseed: 1\nmethod: {clip: 0.1}\n", 3, "method"),
    ],
)
def test_a_key_written_twice_is_named_with_its_line(
    text: str, line: int, key: str, write_yaml: WriteYaml
) -> None:
    file = write_yaml(text)
    assert (
        message_of([file], [])
        == f"{file}:{line}: the key '{key}' is written twice; keep one of them"
    )


def test_the_same_key_in_two_tables_is_fine(write_yaml: WriteYaml) -> None:
    file = write_yaml("seed: 1\ndata:\n  seed: 2\n")
    config = load_config([file])
    assert (config.seed, config.data.seed) == (1, 2)


@pytest.mark.parametrize(
    "text", ["seed: [1\n", "seed: 1\n\tdevice: cpu\n", "seed: 1\n---\nseed: 2\n"]
)
def test_broken_yaml_is_named_with_its_place(text: str, write_yaml: WriteYaml) -> None:
    file = write_yaml(text)
    message = message_of([file], [])
    assert message.startswith(f"{file}: not valid YAML: ")
    assert f'in "{file}", line ' in message


@pytest.mark.parametrize(
    ("text", "kind"), [("- 1\n", "list"), ("just text\n", "str"), ("3\n", "int")]
)
def test_a_file_that_is_no_table_is_refused(text: str, kind: str, write_yaml: WriteYaml) -> None:
    file = write_yaml(text)
    assert (
        message_of([file], []) == f"{file}: a config is a table of `key: value` lines, got {kind}"
    )


def test_a_missing_file_comes_with_the_nearest_name(write_yaml: WriteYaml, tmp_path: Path) -> None:
    there = write_yaml("seed: 1\n", "instructions.yaml")
    write_yaml("not a config", "instruction.txt")
    missing = tmp_path / "instruction.yaml"
    assert message_of([missing], []) == (
        f"{missing}: there is no such config file; did you mean {there}?"
    )
    unlike = tmp_path / "0.yaml"
    assert message_of([unlike], []) == f"{unlike}: there is no such config file"
    nowhere = tmp_path / "none" / "0.yaml"
    assert message_of([nowhere], []) == (
        f"{nowhere}: there is no such config file; the directory {nowhere.parent} does not exist either"
    )


def test_bytes_that_are_no_text_and_directories_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "bytes.yaml"
    file.write_bytes(b"seed: \xff\n")
    assert message_of([file], []) == (
        f"{file}: must be UTF-8 text, got byte 0xff at place 7; save it as UTF-8"
    )
    assert message_of([tmp_path], []) == f"{tmp_path}: is a directory, and a file is asked for"


def test_a_link_that_leads_nowhere_does_not_suggest_itself(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").symlink_to("gone.yaml")
    (tmp_path / "round.yaml").symlink_to("round.yaml")
    link, loop, missing = (tmp_path / name for name in ("run.yaml", "round.yaml", "runs.yaml"))
    assert message_of([link], []) == f"{link}: is a link to gone.yaml, and nothing is there"
    assert message_of([loop], []) == f"{loop}: is a link that leads back to itself"
    assert message_of([missing], []) == f"{missing}: there is no such config file"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: &a {steps: 3, x: *a}\n", "1: an alias stands inside of what it is an alias of"),
        ("seed: 1\nmodel: &a\n  <<: *a\n", "2: an alias stands inside of what it is an alias of"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in pairwise("abcdefghi")),
            "6: a config has at most 100,000 keys and values, got more with all aliases written out",
        ),
        ("a: " + 5000 * "[" + 5000 * "]", " not valid YAML: it is nested too deeply"),
        ("#" + 200_000 * "x", " a config has at most 200,000 bytes, got more; data are named by data.path"),
    ],
    ids=["in itself", "merged into itself", "bomb", "deep", "large"],
)  # fmt: skip
def test_what_grows_without_end_is_refused_in_one_line(
    text: str, words: str, write_yaml: WriteYaml
) -> None:
    file = write_yaml(text)
    assert message_of([file], []) == f"{file}:{words}"


def test_aliases_of_common_size_are_read(write_yaml: WriteYaml) -> None:
    file = write_yaml(
        "model: &m {name: org/m}\nstages: [{model: *m, method: sft}, {method: rlsr}]\n"
    )
    assert load_stages([file]).configs[0].model.name == "org/m"


def test_what_is_said_stays_short_however_much_is_wrong() -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_table({f"k{n}": 1 for n in range(500)})
    assert len(str(caught.value).splitlines()) == 21
    assert str(caught.value).endswith("... and 480 more")
    with pytest.raises(ConfigError) as caught:
        config_from_table({"training": {"steps": ["x" * 10_000] * 100}})
    assert len(str(caught.value)) < 400


# --- truth values and empty values ---------------------------------------------------------------


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "true", "False"])
@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "training.steps",
        "training.learning_rate",
        "model.lora.rank",
        "data.heldout",
        "validation.num_prompts",
    ],
)
def test_a_truth_value_is_no_number(key: str, word: str, write_yaml: WriteYaml) -> None:
    is_true = word in {"yes", "on", "true"}
    expected = f"{key}: must be a number, got {str(is_true).lower()}, which YAML also reads from yes, no, on and off"
    assert message_of([], [f"{key}={word}"]) == expected
    table: object = word
    for part in reversed(key.split(".")):
        table = f"{{{part}: {table}}}"
    assert message_of([write_yaml(str(table))], []) == expected


def test_a_truth_value_among_numbers_is_named_with_its_place() -> None:
    assert message_of([], ["training.adam_betas=[yes, 0.9]"]).startswith(
        "training.adam_betas.0: must be a number, got true"
    )


def test_settings_that_are_truth_values_take_all_words_of_yaml() -> None:
    assert not load_config(overrides=["evaluation.enabled=off"]).evaluation.enabled
    kwargs = load_config(overrides=["model.chat_template_kwargs={a: no, b: 1}"]).model
    assert kwargs.chat_template_kwargs == {"a": False, "b": 1}


@pytest.mark.parametrize("value", ["", "  ", "#3"])
def test_an_empty_value_is_not_null(value: str) -> None:
    assert message_of([], [f"training.steps={value}"]) == (
        f"{f'training.steps={value}'!r}: no value stands behind the equals sign; give one, or write training.steps=null where "
        "none is meant"
    )


@pytest.mark.parametrize("value", ["null", "~", " null ", "NULL"])
def test_null_is_null(value: str) -> None:
    assert load_config(overrides=["training.steps=3", f"training.steps={value}"]) == RunConfig()


def test_numbers_of_other_bases_are_not_guessed() -> None:
    assert message_of([], ["training.steps=1:30"]).endswith("got '1:30'")
    assert load_config(overrides=["training.steps=010"]).training.steps == 10
    assert load_config(overrides=["training.steps=1_000"]).training.steps == 1000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("? [a, b]\n: 1\n", id="unhashable key, TypeError"),
        pytest.param("seed: \x01\n", id="control character, yaml.reader.ReaderError"),
    ],
)
def test_unusual_broken_yaml_is_a_config_error_too(text: str, write_yaml: WriteYaml) -> None:
    file = write_yaml(text)
    assert message_of([file], []).startswith(str(file))


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("static=1", "static"),
        ("embedding.sentence-transformers=1", "embedding.sentence-transformers"),
    ],
)
def test_an_unknown_setting_named_like_a_type_is_named_in_full(override: str, place: str) -> None:
    with pytest.raises(ConfigError, match=f"^{place}: unknown setting"):
        load_config(overrides=[override])


@pytest.mark.parametrize(
    "override",
    [
        "embedding.type=word2vec",
        "training.adam_betas=[0.9]",
        "training.adam_betas=[0.9, 0.9, 0.9]",
    ],
)
def test_rules_of_other_wording_read_as_a_sentence(override: str) -> None:
    message = message_of([], [override])
    key = override.partition("=")[0]
    assert len(message.splitlines()) == 1
    assert message.startswith(key)
    assert not any(word in message for word in ("must be Input", "must be Field", "must be Tuple"))


# --- two kinds of reward ------------------------------------------------------------------------


def test_a_reward_may_be_named_alone() -> None:
    config = load_config(overrides=["reward=logic", "reward.le.max_ands=9"])
    assert config.reward == LogicReward(le=LiteralEvaluation(max_ands=9))
    assert load_config(overrides=["reward.text=response"]).reward == SimilarityReward()


def test_settings_of_one_reward_do_not_linger_in_the_other() -> None:
    config = load_config(overrides=["reward=logic", "reward.variant=le", "reward=similarity"])
    assert config.reward == SimilarityReward()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["reward.variant=le"],
            "reward.variant: a setting of the reward logic, and the reward is similarity; name it as well, as in "
            "reward.type=logic",
        ),
        (
            ["reward=logic", "reward.text=response"],
            "reward.text: a setting of the reward similarity, and the reward is logic; name it as well, as in "
            "reward.type=similarity",
        ),
        (
            ["reward=logic", "reward.le.max_and=1"],
            "reward.le.max_and: unknown setting; did you mean reward.le.max_ands?",
        ),
        (
            ["reward=jury"],
            "reward.type: must be 'similarity', 'logic', 'python', 'preference_model', 'judge', 'grader', 'exact', 'numeric', 'math', 'choice', 'regex', 'json_schema', 'combined', got 'jury'",
        ),
        (
            ["reward=logic", "reward.model_sampling.densities=[0.5, 1]"],
            "reward.model_sampling: densities must each lie between 0 and 1",
        ),
    ],
)
def test_what_is_said_of_a_wrong_setting_of_a_reward(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    assert str(caught.value) == message


# --- the methods ---------------------------------------------------------------------------------


def test_a_method_without_a_name_is_rlsr() -> None:
    assert load_config(overrides=["method.num_generations=4"]).method == RlsrMethod(
        num_generations=4
    )
    assert config_from_table({"method": {}}).method == RlsrMethod()


@pytest.mark.parametrize(
    "method",
    ["rlsr", "sgrpo", "rlpt", "rank", "osft", "raft", "sft", "dft", "iw_sft", "pear", "ift", "dpo"],
)
def test_a_method_may_be_named_alone(method: str, write_yaml: WriteYaml) -> None:
    assert load_config(overrides=[f"method={method}"]).method.type == method
    assert load_config([write_yaml(f"method: {method}\n")]).method.type == method


def test_settings_of_one_method_do_not_linger_in_the_other(write_yaml: WriteYaml) -> None:
    file = write_yaml("method:\n  type: rlsr\n  num_generations: 4\n")
    assert load_config([file], ["method=sft"]).method == SftMethod()
    assert load_config([file], ["method=dpo"]).method == DpoMethod()
    assert load_config([file], ["method=sft", "method=rlsr"]).method == RlsrMethod()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["method=sft", "method.kl_coefficient=0"],
            "method.kl_coefficient: a setting of the methods rlsr, sgrpo and rlpt, and the method is sft; name it as well, as in "
            "method.type=rlsr",
        ),
        (
            ["method.level=token"],
            "method.level: a setting of the methods iw_sft and pear, and the method is rlsr; name it as well, as in "
            "method.type=iw_sft",
        ),
        (
            ["method=sft", "method.num_generation=4"],
            "method.num_generation: unknown setting; did you mean method.num_generations?",
        ),
        (
            ["method=dpo", "method.num_generation=4"],
            "method.num_generation: unknown setting; did you mean method.num_generations?",
        ),
        (
            ["method=dpo", "method.quux=4"],
            "method.quux: unknown setting; the settings here are beta, max_prompt_tokens, max_response_tokens, "
            "num_generations, rejected, temperature, type",
        ),
        (
            ["method=pear", "method.log_ratio=[1, 0]"],
            "method: log_ratio must be low <= high, got 1 and 0",
        ),
        (["method=dpo", "method.beta=0"], "method.beta: must be greater than 0, got 0"),
    ],
)
def test_what_is_said_of_a_wrong_setting_of_a_method(overrides: list[str], message: str) -> None:
    assert message_of([], overrides) == message


# --- the demo -----------------------------------------------------------------------------------


def test_the_demo_trains_on_neither_of_its_unseen_metrics() -> None:
    for config in load_stages([Path(__file__).parents[3] / "examples" / "demo.yaml"]).configs:
        assert isinstance(config.reward, SimilarityReward)
        assert config.reward.similarity.variant == "cosine"
        assert config.embedding == SentenceTransformersEmbedding(model="builtin:minilm")
        assert config.independent_embedding == "builtin:wordllama"


# --- the config itself --------------------------------------------------------------------------


def test_a_config_is_frozen_in_every_table() -> None:
    config = RunConfig()
    for table, key in ((config, "seed"), (config.method, "clip"), (config.data.columns, "prompt")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(table, key, 1)


def test_the_dump_is_plain_json_with_every_default_filled_in() -> None:
    dumped = RunConfig().model_dump(mode="json")
    assert json.loads(json.dumps(dumped, allow_nan=False)) == dumped
    assert dumped["method"]["advantage"]["std_floor"] == 0.02
    assert dumped["embedding"] == {"type": "static", "model": "builtin:wordllama"}
    assert dumped["reward"]["similarity"] == {
        "variant": "blend", "recall_weight": 1.5, "number_share": 0.25, "length_exponent": 0.0,
    }  # fmt: skip


def test_the_caller_keeps_its_table_unchanged() -> None:
    table = {"model": "org/policy", "embedding": {"model": "org/encoder"}}
    config_from_table(table)
    assert table == {"model": "org/policy", "embedding": {"model": "org/encoder"}}
