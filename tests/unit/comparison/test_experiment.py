"""Experiments: what they say, and the configs that their recipes become."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from comparisons import make_plan
from rlsr.comparison.budget import without_effect
from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.experiment import ExperimentConfig, experiment_from_table, load_experiment
from rlsr.comparison.recipe import Recipe, check_agreement, join_stages
from rlsr.config import load_stages
from rlsr.errors import ConfigError

ROOT = Path(__file__).parents[3]
BOTH: dict[str, Any] = {"base": {}, "rlsr": {"method": "rlsr"}}
MINUTE = {"by": "wall_clock", "amount": 60}


def experiment(**changes: Any) -> ExperimentConfig:
    return experiment_from_table({"recipes": BOTH, "budget": MINUTE, **changes})


def resolve(recipe: dict[str, Any], **changes: Any) -> Recipe:
    """Resolve one recipe beside the policy before training."""
    return resolve_recipes(experiment(recipes={"base": {}, "own": recipe}, **changes))[1]


def refused(recipe: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(recipe, **changes)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "demo.yaml").write_text(
        "data: my.jsonl\nmethod: {max_response_tokens: 40}\n", encoding="utf-8"
    )
    path = tmp_path / "experiment.yaml"
    path.write_text(
        "base: shared/demo.yaml\n"
        "recipes:\n"
        "  base:\n"
        "  sft: {method: sft, training: {learning_rate: 2e-5}}\n"
        "  sft+rlsr: {method: [sft, rlsr]}\n"
        "budget: {by: steps, amount: 10}\n",
        encoding="utf-8",
    )
    return path


def test_a_base_that_is_a_file_is_found_beside_the_experiment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    recipes = resolve_recipes(load_experiment(file))
    for recipe in recipes:
        for stage in recipe.stages:
            assert stage.data.path == "my.jsonl"
            assert stage.method.max_response_tokens == 40


def test_a_base_of_several_layers(file: Path) -> None:
    table = yaml.safe_load(file.read_text(encoding="utf-8"))
    table["base"] = ["shared/demo.yaml", {"data": "other.jsonl", "training": {"steps": None}}]
    file.write_text(yaml.safe_dump(table), encoding="utf-8")
    found = load_experiment(file, ["base.training.prompts_per_step=3"])
    for recipe in resolve_recipes(found):
        assert recipe.stages[0].data.path == "other.jsonl"
        assert recipe.stages[0].method.max_response_tokens == 40
        assert recipe.stages[0].training.prompts_per_step == 3
    assert without_effect(found.base) == []


@pytest.mark.parametrize(
    ("base", "part"),
    [(3, "got 3"), (["shared/demo.yaml", None], "got None"), ("shared/dem.yaml", "demo.yaml?")],
)
def test_a_base_that_is_no_config_is_refused(file: Path, base: object, part: str) -> None:
    table = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**table, "base": base}), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_experiment(file)
    assert part in str(caught.value)


def test_overrides_reach_every_part(file: Path) -> None:
    found = load_experiment(
        file,
        [
            "budget.amount=6",
            "seeds=[4]",
            "base.data=other.jsonl",
            "base.training.prompts_per_step=3",
            "recipes.sft.training.learning_rate=1e-3",
            "recipes.sft+rlsr.stages.1.method.num_generations=2",
            "recipes.new.method=dft",
        ],
    )
    by_name = {recipe.name: recipe for recipe in resolve_recipes(found)}
    assert list(by_name) == ["base", "sft", "sft+rlsr", "new"]
    assert found.seeds == (4,)
    assert by_name["sft"].stages[0].training.steps == 6
    assert by_name["sft"].stages[0].training.learning_rate == 1e-3
    assert by_name["new"].methods == ("dft",)
    last = by_name["sft+rlsr"].stages[1]
    assert last.method.model_dump()["num_generations"] == 2
    for recipe in by_name.values():
        for stage in recipe.stages:
            assert (stage.data.path, stage.training.prompts_per_step) == ("other.jsonl", 3)


def test_the_example_resolves() -> None:
    recipes = resolve_recipes(load_experiment(ROOT / "examples" / "compare.yaml"))
    assert [recipe.methods for recipe in recipes] == [
        (),
        ("sft",),
        ("dft",),
        ("rlsr",),
        ("sft", "rlsr"),
    ]
    check_agreement(recipes)
    assert [note for recipe in recipes for note in recipe.notes] == [
        "sft+rlsr: sft ends when validation no longer rises, rlsr has the rest"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "base"),
        ({"recipes": {"rlsr": {"method": "rlsr"}, "zero": {}}}, "zero"),
        ({"recipes": {"sft": {"method": "sft"}, "rlsr": {"method": "rlsr"}}}, "sft"),
        ({"baseline": "rlsr"}, "rlsr"),
    ],
)
def test_the_baseline_is_the_untrained_recipe_or_the_first(
    changes: dict[str, Any], expected: str
) -> None:
    assert experiment(**changes).baseline_name == expected


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"budget": None}, ["budget", "is missing", "by: wall_clock"]),
        ({"budget": {"by": "hours", "amount": 1}}, ["budget.by", "'hours'"]),
        ({"budget": {"by": "steps", "amount": 1.5}}, ["whole number of steps", "1.5"]),
        ({"budget": {"by": "steps", "amount": 0}}, ["budget.amount", "greater than 0"]),
        ({"budget": {"by": "steps", "amonut": 2, "amount": 1}}, ["budget.amonut", "did you mean amount?"]),
        ({"recipes": {"rlsr": {"method": "rlsr"}}}, ["recipes", "at least 2"]),
        ({"recipes": {**BOTH, "a/b": {}}}, ["recipes", "directory", "'a/b'"]),
        ({"recipes": {**BOTH, "RLSR": {}}}, ["capitals"]),
        ({"recipes": {**BOTH, "x": 3}}, ["recipes.x", "3"]),
        ({"seeds": []}, ["seeds"]),
        ({"seeds": [1, 1]}, ["seeds", "differ"]),
        ({"seeds": [-1]}, ["seeds", "at least 0"]),
        ({"baseline": "sft"}, ["baseline", "base, rlsr", "'sft'"]),
        ({"tie_margins": {"chrf": -1}}, ["tie_margins", "chrf", "at least 0"]),
        ({"confidence": 1.0}, ["confidence"]),
        ({"recipies": {}}, ["recipies", "did you mean recipes?"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_experiment_is_refused_with_the_way_out(
    changes: dict[str, Any], parts: list[str]
) -> None:
    table = {"recipes": BOTH, "budget": MINUTE, **changes}
    with pytest.raises(ConfigError) as caught:
        experiment_from_table({key: value for key, value in table.items() if value is not None})
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("by", "amount", "expected"),
    [
        ("wall_clock", 60, {"max_seconds": 60.0, "max_tokens": None, "steps": None}),
        ("tokens", 5000, {"max_seconds": None, "max_tokens": 5000, "steps": None}),
        ("steps", 12, {"max_seconds": None, "max_tokens": None, "steps": 12}),
    ],
)
def test_the_budget_takes_the_place_of_shared_limits(
    by: str, amount: float, expected: dict[str, Any]
) -> None:
    base = {"training": {"steps": 24, "epochs": 2, "max_seconds": 5, "max_tokens": 7}}
    stage = resolve({"method": "sft"}, base=base, budget={"by": by, "amount": amount}).stages[0]
    assert {key: getattr(stage.training, key) for key in expected} == expected
    assert by == "steps" or stage.training.epochs >= 1e6


def test_shared_limits_without_effect_are_named() -> None:
    base = {"training": {"steps": 24, "epochs": None, "learning_rate": 1.0}}
    (note,) = without_effect(base)
    assert "base: training.steps=24 is without effect" in note
    assert without_effect({}) == []


@pytest.mark.parametrize(
    ("by", "amount", "share", "expected"),
    [
        ("wall_clock", 60, None, [30.0, 30.0]),
        ("wall_clock", 60, [0.25, 0.75], [15.0, 45.0]),
        ("tokens", 1001, None, [500, 501]),
        ("steps", 7, None, [4, 3]),
        ("steps", 10, [0.3, 0.7], [3, 7]),
    ],
)
def test_stages_share_the_budget(
    by: str, amount: float, share: list[float] | None, expected: list[float]
) -> None:
    recipe: dict[str, Any] = {"method": ["sft", "rlsr"]}
    if share is not None:
        recipe["budget_share"] = share
    stages = resolve(recipe, budget={"by": by, "amount": amount}).stages
    key = {"wall_clock": "max_seconds", "tokens": "max_tokens", "steps": "steps"}[by]
    found = [getattr(stage.training, key) for stage in stages]
    assert found == expected
    assert sum(found) == amount


VALIDATED = {"validation": {"num_prompts": 4, "every_steps": 5, "patience": 2}}


def test_stages_that_end_by_validation_share_one_pot() -> None:
    recipe = resolve({"method": ["sft", "rlsr"]}, base=VALIDATED)
    for stage in recipe.stages:
        assert stage.pipeline.max_seconds == 60
        assert stage.training.max_seconds is None
        assert stage.training.steps is None
        assert stage.training.epochs > 1e5
    assert recipe.notes == ("own: sft ends when validation no longer rises, rlsr has the rest",)
    three = resolve({"method": ["sft", "dft", "rlsr"]}, base=VALIDATED)
    assert "own: sft, dft end when validation no longer rises, rlsr has the rest" in three.notes


def test_the_last_stage_of_a_pot_need_not_end_by_validation() -> None:
    stages = [{"method": "sft", **VALIDATED}, {"method": "rlsr", "validation": {"num_prompts": 4}}]
    recipe = resolve({"stages": stages})
    assert [stage.pipeline.max_seconds for stage in recipe.stages] == [60, 60]


@pytest.mark.parametrize(
    ("recipe", "changes", "expected"),
    [
        ({"method": ["sft", "rlsr"], "budget_share": [0.5, 0.5]}, {"base": VALIDATED}, [30, 30]),
        ({"method": ["sft", "rlsr"]}, {"base": {"validation": {"num_prompts": 4}}}, [30, 30]),
        ({"stages": [{"method": "sft"}, {"method": "rlsr", **VALIDATED}]}, {}, [30, 30]),
        ({"method": "sft"}, {"base": VALIDATED}, [60]),
    ],
    ids=["shares", "no patience", "only the last ends", "one stage"],
)
def test_otherwise_each_stage_has_its_part(
    recipe: dict[str, Any], changes: dict[str, Any], expected: list[float]
) -> None:
    found = resolve(recipe, **changes)
    assert [stage.training.max_seconds for stage in found.stages] == expected
    assert {stage.pipeline.max_seconds for stage in found.stages} == {None}
    assert not any("has the rest" in note for note in found.notes)


@pytest.mark.parametrize("by", ["tokens", "steps"])
def test_only_time_is_shared_by_a_pot(by: str) -> None:
    recipe = resolve({"method": ["sft", "rlsr"]}, base=VALIDATED, budget={"by": by, "amount": 100})
    assert {stage.pipeline.max_seconds for stage in recipe.stages} == {None}


def test_a_pot_of_the_shared_settings_gives_way_to_the_budget() -> None:
    base = {"pipeline": {"max_seconds": 7, "sft_stop": {"loss_window": 3}}}
    for recipe in resolve_recipes(
        experiment(
            base=base, recipes={"one": {"method": "sft"}, "two": {"method": ["sft", "rlsr"]}}
        )
    ):
        for stage in recipe.stages:
            assert stage.pipeline.max_seconds is None
            assert stage.pipeline.sft_stop.loss_window == 3
    assert without_effect(base) == [
        "base: pipeline.max_seconds=7 is without effect, since the budget decides how long a recipe trains"
    ]


def test_the_rival_is_plain_sft_or_the_baseline_or_who_is_named() -> None:
    assert make_plan().rival == "sft"
    recipes = {"base": {}, "mine": {"method": "sft"}, "rlsr": {"method": "rlsr"}}
    assert make_plan(recipes=recipes).rival == "mine"
    assert make_plan(recipes={"base": {}, "rlsr": {"method": "rlsr"}}).rival == "base"
    assert make_plan(recipes=recipes, rival="rlsr").rival == "rlsr"
    assert make_plan(recipes=recipes, rival="rlsr").table["rival"] == "rlsr"
    with pytest.raises(
        ConfigError, match="rival: must be one of the recipes base, rlsr, got 'sft'"
    ):
        experiment(rival="sft")


def test_shared_settings_of_a_method_reach_only_recipes_of_that_method() -> None:
    base = {"method": {"num_generations": 4, "max_response_tokens": 33}}
    recipes = resolve_recipes(
        experiment(
            base=base,
            recipes={
                "base": {},
                "sft": {"method": "sft"},
                "rlsr": {"method": "rlsr"},
                "both": {"method": ["sft", "rlsr"]},
            },
        )
    )
    for recipe in recipes:
        for stage in recipe.stages:
            method = stage.method.model_dump()
            assert method["max_response_tokens"] == 33
            assert method["type"] == "sft" or method["num_generations"] == 4


def test_a_recipe_can_end_before_its_budget_and_says_so() -> None:
    recipe = resolve({"method": "sft", "training": {"epochs": 3}})
    assert (recipe.stages[0].training.epochs, recipe.stages[0].training.max_seconds) == (3, 60)
    assert recipe.notes == ("own: training.epochs=3 can end it before its budget is used up",)


def test_a_learning_rate_for_another_method_is_noted() -> None:
    base = {"method": "rlsr", "training": {"learning_rate": 5e-5}}
    (note,) = resolve({"method": "sft"}, base=base).notes
    assert "5e-05 of sft" in note
    assert "for rlsr" in note
    own = {"method": "sft", "training": {"learning_rate": 1e-5}}
    assert resolve(own, base=base).notes == ()
    assert resolve({"method": "rlsr"}, base=base).notes == ()


@pytest.mark.parametrize(
    ("recipe", "changes", "parts"),
    [
        ({"method": "stf"}, {}, ["method", "'stf'"]),
        ({"method": "sft", "trainig": {}}, {}, ["trainig", "did you mean training?"]),
        ({"method": "sft", "training": 3}, {}, ["training", "got 3"]),
        ({"method": ["sft", "rsl"]}, {}, ["method", "'rsl'"]),
        ({"stages": "sft"}, {}, ["stages", "list of tables"]),
        ({"training": {"learning_rate": 1}}, {}, ["method: is missing", "empty for the policy before training"]),
        ({"training": {"learning_rate": 1}}, {"base": {"method": {"max_response_tokens": 9}}}, ["method: is missing"]),
        ({"method": "sft", "seed": 3}, {}, ["seed", "seeds"]),
        ({"method": "sft", "training": {"max_seconds": 3}}, {}, ["training.max_seconds", "60 by wall_clock"]),
        ({"method": ["sft", "rlsr"], "pipeline": {"max_seconds": 3}}, {}, ["pipeline.max_seconds", "60 by wall_clock", "leave it out"]),
        ({"method": "sft", "training": {"steps": 3}}, {"budget": {"by": "steps", "amount": 4}}, ["training.steps", "budget"]),
        ({"method": "sft", "training": {"lr_schedule": "cosine"}}, {}, ["training.lr_schedule", "budget.by=steps"]),
        ({"method": ["sft", "rlsr"], "budget_share": [1.0]}, {}, ["budget_share", "2 positive numbers"]),
        ({"method": ["sft", "rlsr"], "budget_share": [0.5, 0.6]}, {}, ["budget_share", "add up to 1"]),
        ({"method": ["sft", "rlsr"], "budget_share": [1.5, -0.5]}, {}, ["budget_share", "positive"]),
        ({"method": ["sft", "rlsr"]}, {"budget": {"by": "steps", "amount": 1}}, ["budget.amount", "2 stages"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_recipe_is_refused_with_its_name(
    recipe: dict[str, Any], changes: dict[str, Any], parts: list[str]
) -> None:
    message = refused(recipe, **changes)
    assert message.startswith("recipes.own")
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("base", "parts"),
    [
        ({"method": ["sft", "rlsr"]}, ["base", "belong into a recipe"]),
        ({"seed": 1}, ["base.seed", "seeds"]),
        ({"trainig": {}}, ["base: trainig", "did you mean"]),
    ],
)
def test_a_wrong_base_is_refused(base: dict[str, Any], parts: list[str]) -> None:
    message = refused({"method": "sft"}, base=base)
    for part in parts:
        assert part in message


def test_a_known_schedule_is_fine_where_steps_are_known() -> None:
    recipe = {"method": "sft", "training": {"lr_schedule": "cosine"}}
    assert resolve(recipe, budget={"by": "steps", "amount": 9}).stages[0].training.steps == 9
    ends = {"method": "sft", "training": {"lr_schedule": "cosine", "epochs": 2}}
    assert resolve(ends).stages[0].training.lr_schedule == "cosine"


@pytest.mark.parametrize(
    ("recipe", "key"),
    [
        ({"method": "sft", "data": {"seed": 3}}, "data.seed"),
        ({"method": "sft", "evaluation": {"confidence": 0.9}}, "evaluation.confidence"),
        ({"method": {"type": "sft", "max_response_tokens": 9}}, "method.max_response_tokens"),
        ({"method": "sft", "device": "cpu"}, "device"),
        ({"stages": [{"method": "sft"}, {"method": "rlsr", "data": {"limit": 9}}]}, "data.limit"),
    ],
    ids=str,
)
def test_recipes_that_are_measured_otherwise_are_refused(recipe: dict[str, Any], key: str) -> None:
    recipes = resolve_recipes(experiment(recipes={"base": {}, "own": recipe}))
    with pytest.raises(ConfigError, match=r"recipes\.own: .*put them into base") as caught:
        check_agreement(recipes)
    assert f": {key};" in str(caught.value)


def test_another_model_learning_rate_or_reward_is_no_other_measurement() -> None:
    recipe = {
        "method": "rlsr",
        "model": {"lora": None},
        "reward": {"similarity": {"variant": "cosine"}},
        "training": {"learning_rate": 1},
    }
    check_agreement(resolve_recipes(experiment(recipes={"base": {}, "own": recipe})))


def test_the_response_limit_fills_only_what_is_open() -> None:
    recipes = resolve_recipes(
        experiment(
            recipes={"base": {}, "own": {"method": {"type": "sft", "max_response_tokens": 9}}}
        )
    )
    limits = [
        stage.method.max_response_tokens
        for recipe in recipes
        for stage in recipe.with_response_limit(64).stages
    ]
    assert limits == [64, 9]


@pytest.mark.parametrize(
    "recipe",
    [
        {"method": "sft"},
        {"method": ["sft", "rlsr"]},
        {"stages": [{"method": "sft"}, {"method": "dft", "model": {"lora": {"rank": 16}}}, {"method": "rlsr"}]},
        {"stages": [{"method": "sft"}, {"method": "rlsr", "model": {"lora": None}}]},
    ],
    ids=str,
)  # fmt: skip
def test_the_file_of_a_cell_loads_as_what_was_resolved(
    recipe: dict[str, Any], tmp_path: Path
) -> None:
    stages = resolve(recipe, base={"model": {"name": "some/model", "revision": "main"}}).stages
    file = tmp_path / "cell.yaml"
    table = join_stages([stage.model_dump(mode="json") for stage in stages])
    file.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    loaded = load_stages([file])
    assert loaded.configs == stages
    assert loaded.is_pipeline == (len(stages) > 1)


def test_other_ways_to_measure_change_data_and_evaluation_alone() -> None:
    ways = {"sampled": {"evaluation": {"temperature": 1.0}}, "elsewhere": {"data": "other.jsonl"}}
    assert experiment(again=ways).again == ways


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ({"colder": {"training": {"steps": 3}}}, "again: colder: policies that are trained .* got training"),
        ({"colder": {}}, "again: colder: .* got no settings"),
        ({"../out": {"data": "other.jsonl"}}, "again: a name is that of a directory"),
    ],
)  # fmt: skip
def test_other_ways_to_measure_that_cannot_be(ways: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        experiment(again=ways)
