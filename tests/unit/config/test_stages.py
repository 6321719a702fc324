"""From one config to one a stage, and what is said when that fails."""

import json
from pathlib import Path

import pytest

from rlsr.config import StagedConfig, config_from_table, load_config, load_stages, split_stages
from rlsr.config.layers import expand
from rlsr.config.method import RlsrMethod
from rlsr.config.preference import DpoMethod
from rlsr.config.supervised import SftMethod
from rlsr.errors import ConfigError

BOTH = "method=[sft,rlsr]"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def message_of(*overrides: str, files: tuple[Path, ...] = ()) -> str:
    with pytest.raises(ConfigError) as caught:
        load_stages(files, overrides)
    return str(caught.value)


def test_without_stages_there_is_one_plain_config() -> None:
    staged = load_stages((), ["method=rlsr", "method.num_generations=4"])
    assert not staged.is_pipeline
    assert staged.configs == (load_config((), ["method.num_generations=4"]),)


@pytest.mark.parametrize(
    "overrides",
    [
        ["method=[sft, rlsr]"],
        ["stages=[{method: sft}, {method: rlsr}]"],
        ["stages=[{method: {type: sft}}, {method: {}}]"],
        ["stages=[{method: sft}, {}]"],
    ],
)
def test_a_list_of_methods_is_short_for_stages(overrides: list[str]) -> None:
    staged = load_stages((), overrides)
    assert staged.is_pipeline
    assert staged.names == ("1-sft", "2-rlsr")
    assert [config.method for config in staged.configs] == [SftMethod(), RlsrMethod()]


def test_a_list_of_one_method_is_a_pipeline_of_one_stage() -> None:
    staged = load_stages((), ["method=[dft]"])
    assert (staged.names, staged.is_pipeline) == (("1-dft",), True)


def test_a_method_of_the_list_may_have_settings() -> None:
    staged = load_stages((), ["method=[sft, {type: rlsr, num_generations: 4}, {type: rlsr}]"])
    assert staged.names == ("1-sft", "2-rlsr", "3-rlsr")
    assert staged.configs[1].method == RlsrMethod(num_generations=4)
    assert staged.configs[2].method == RlsrMethod()


def test_what_is_shared_goes_to_every_stage_and_a_stage_wins_over_it() -> None:
    staged = load_stages(
        (), [BOTH, "training.steps=4", "seed=3", "stages.1.training.steps=9", "model=org/policy"]
    )
    assert [config.training.steps for config in staged.configs] == [4, 9]
    assert {config.seed for config in staged.configs} == {3}
    assert {config.model.name for config in staged.configs} == {"org/policy"}


def test_a_shared_setting_of_the_method_goes_to_the_stages_that_have_it() -> None:
    staged = load_stages(
        (),
        [
            "method=[sft,dpo,rlsr]",
            "method.max_response_tokens=9",
            "method.num_generations=5",
            "method.clip=0.3",
        ],
    )
    assert [config.method for config in staged.configs] == [
        SftMethod(max_response_tokens=9),
        DpoMethod(max_response_tokens=9, num_generations=5),
        RlsrMethod(max_response_tokens=9, num_generations=5, clip=0.3),
    ]


def test_of_a_method_that_is_named_another_one_takes_only_the_lengths(tmp_path: Path) -> None:
    file = write(
        tmp_path / "run.yaml",
        "method: {type: rlsr, num_generations: 5, max_response_tokens: 9, temperature: 2}\n",
    )
    staged = load_stages([file], ["method=[dpo,rlsr]"])
    assert [config.method for config in staged.configs] == [
        DpoMethod(max_response_tokens=9),
        RlsrMethod(max_response_tokens=9, num_generations=5, temperature=2),
    ]


def test_stages_of_a_file_can_be_overridden_one_by_one_and_as_a_whole(tmp_path: Path) -> None:
    file = write(
        tmp_path / "run.yaml",
        "training: {steps: 3}\nstages:\n- method: sft\n  training: {epochs: 2}\n- method: rlsr\n",
    )
    second = write(tmp_path / "second.yaml", "stages: {1: {seed: 5, training: {steps: 8}}}\n")
    staged = load_stages([file, second], ["stages.0.model.lora.rank=4", "stages.1.model.lora=null"])
    sft, rlsr = staged.configs
    assert (sft.training.epochs, sft.training.steps, sft.seed) == (2, 3, 0)
    assert sft.model.lora is not None
    assert sft.model.lora.rank == 4
    assert (rlsr.training.epochs, rlsr.training.steps, rlsr.seed) == (1, 8, 5)
    assert rlsr.model.lora is None
    assert load_stages([file], ["method=[dft]"]).names == ("1-dft",)
    assert load_stages([file], ["stages=null"]).configs[0].method == RlsrMethod()
    assert load_stages([file], ["stages=null", "method=sft"]).names == ("1-sft",)


def test_a_stage_may_change_the_type_of_another_table() -> None:
    staged = load_stages(
        (), [BOTH, "embedding=org/encoder", "stages.1.embedding=builtin:wordllama"]
    )
    assert [config.embedding.type for config in staged.configs] == [
        "sentence-transformers",
        "static",
    ]


def test_split_stages_gives_full_tables_and_leaves_its_argument_alone() -> None:
    table = {"seed": 1, "method": ["sft", {"clip": 0.1}], "data": "mine.jsonl"}
    kept = json.loads(json.dumps(table))
    first, second = split_stages(expand(table))
    assert first == {"seed": 1, "data": {"path": "mine.jsonl"}, "method": {"type": "sft"}}
    assert second == {"seed": 1, "data": {"path": "mine.jsonl"}, "method": {"clip": 0.1}}
    assert table == kept
    assert split_stages({"seed": 1}) == [{"seed": 1}]


def test_settings_survive_their_file() -> None:
    staged = load_stages((), ["method=[sft,{type: rlsr, clip: 0.1}]", "stages.0.training.steps=3"])
    dumped = json.loads(json.dumps(staged.dump(), allow_nan=False))
    assert [stage["name"] for stage in dumped["stages"]] == ["1-sft", "2-rlsr"]
    assert StagedConfig.from_dump(dumped) == staged


@pytest.mark.parametrize(
    "table", [{}, {"stages": 3}, {"stages": [3]}, {"stages": [{"name": "1-sft"}]}]
)
def test_a_damaged_file_is_a_config_error(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="stages: must be a list of tables"):
        StagedConfig.from_dump(table)


# --- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["stages=[]"],
            "stages: must be a list of tables, one a stage, as in [{method: sft}, {method: rlsr}], got []",
        ),
        (
            ["stages=[sft, rlsr]"],
            "stages.0: a stage is a table of settings, as in {method: sft}, got 'sft'",
        ),
        (
            ["method=[sft, [rlsr]]"],
            "stages.1: a stage has one method and no stages of its own",
        ),
        (
            ["stages=[{method: sft}, {stages: []}]"],
            "stages.1: a stage has one method and no stages of its own",
        ),
        (
            [BOTH, "stages.2.seed=1"],
            "stages.2: stages are counted from 0, and there are 2, so it must be 0 or 1",
        ),
        (
            ["method=rlsr", "stages.0.seed=1"],
            "stages.0: the config has no stages; name them, as in method=[sft,rlsr]",
        ),
        (
            [BOTH, "method=rlsr"],
            "method.type: every stage has its own, so this would change nothing; name the stage, as in "
            "stages.0.method.type, or take the stages away with stages=null",
        ),
        (
            ["training.steps=4", "stages=[{training: {steps: 1}}, {training: {steps: 2}}]"],
            "training.steps: every stage has its own, so this would change nothing; name the stage, as in "
            "stages.0.training.steps, or take the stages away with stages=null",
        ),
        (
            [BOTH, "stages.1.model=org/other"],
            "stages.1.model.name: a later stage takes its model from the stage before; leave it out here, and set "
            "model.name for the first",
        ),
        (
            [BOTH, "stages.1.model.lora.rank=4"],
            "stage 2-rlsr: model.lora: must be as in 1-sft, whose adapters it goes on training, got rank 4 after 16; set it "
            "for all stages, or null, which merges the adapters and trains all weights",
        ),
        (
            ["method=[reward_model, rlsr]"],
            "stage 2-rlsr: method: rlsr starts from a policy, and 1-reward_model leaves a scorer, which answers no prompts; train it "
            "apart, and take it as the reward with reward={type: preference_model, model: DIR}",
        ),
        (
            [BOTH, "stages.1.method.num_generations=1"],
            "stage 2-rlsr: method.num_generations: must be greater than or equal to 2, got 1",
        ),
        (
            ["method=[stf,rlsr]"],
            "stage 1-stf: method.type: must be 'rlsr', 'sgrpo', 'rlpt', 'rank', 'osft', 'raft', 'sft', 'dft', 'iw_sft', 'pear', 'ift', 'dpo', 'reward_model', got 'stf'; did you mean sft?",
        ),
        (
            [BOTH, "stages.0.method.kl_coefficient=0"],
            "stage 1-sft: method.kl_coefficient: a setting of the methods rlsr, sgrpo and rlpt, and the method is sft; name it as well, as in "
            "method.type=rlsr",
        ),
    ],
)
def test_a_mistake_names_the_stage(overrides: list[str], message: str) -> None:
    assert message_of(*overrides) == message


def test_a_mistake_in_what_is_shared_is_told_once_and_all_are_told() -> None:
    found = message_of(BOTH, "seed=-1", "method.num_generatons=4", "stages.1.method.clip=0")
    assert sorted(found.splitlines()) == [
        "method.num_generatons: unknown setting; did you mean method.num_generations?",
        "seed: must be greater than or equal to 0, got -1",
        "stage 2-rlsr: method.clip: must be greater than 0, got 0",
    ]


def test_a_list_of_methods_beside_stages_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "run.yaml", "method: [sft, rlsr]\nstages: [{seed: 1}, {seed: 2}]\n")
    assert "keep one of the two" in message_of(files=(file,))


def test_where_one_run_is_meant_stages_are_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"2 stages.*load_stages.*stages=null"):
        load_config((), [BOTH])
    with pytest.raises(ConfigError, match=r"2 stages.*load_stages.*stages=null"):
        config_from_table({"method": ["sft", "rlsr"]})


def test_a_scorer_merges_whatever_adapters_the_stage_before_leaves() -> None:
    staged = load_stages(overrides=["method=[sft, reward_model]", "stages.1.model.lora.rank=4"])
    assert [config.method.makes for config in staged.configs] == ["policy", "scorer"]
