"""What is said of a run before it begins."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from rlsr.cli.plan_text import show_head, show_plan, show_stages
from rlsr.config import load_config
from rlsr.engines.estimate import TimeEstimate
from rlsr.pipeline.plan import RunPlan, plan_run


def plan(tiny_settings: list[str], *overrides: str) -> RunPlan:
    return plan_run(load_config(overrides=[*tiny_settings, *overrides]))


def head(found: RunPlan) -> str:
    text = StringIO()
    show_head(Console(file=text, width=500), found)
    return text.getvalue()


def work(found: RunPlan, estimate: TimeEstimate) -> str:
    text = StringIO()
    show_plan(Console(file=text, width=500), found, estimate)
    return text.getvalue()


def test_without_validation_nothing_is_said_of_it(tiny_settings: list[str]) -> None:
    said = head(plan(tiny_settings))
    assert "8 training and 4 held-out prompts" in said
    assert "validation" not in said
    assert "along the way" not in said


def test_validation_is_said_with_its_prompts_its_rhythm_and_what_it_is_for(
    tiny_settings: list[str],
) -> None:
    rule = "validation={num_prompts: 3, every_steps: 5, patience: 2, metric: nll}"
    said = head(plan(tiny_settings, rule))
    assert "5 training and 4 held-out prompts" in said
    assert (
        "validation: 3 of the training prompts are set aside and measured before the first step, after every 5 and after the last, "
        "by negative log-likelihood of the references; they choose the weights that are kept, the best, and end training "
        "after 2 measurements in a row without gain\n"
    ) in said
    assert (
        "they choose the weights that are kept, the latest that chance does not tell from the best, and never end training\n"
    ) in head(plan(tiny_settings, "validation.num_prompts=3"))
    exact = ["validation.num_prompts=3", "validation.tolerance=0"]
    assert "the weights that are kept, the best, and" in head(plan(tiny_settings, *exact))


def test_what_is_measured_along_the_way_is_said(tiny_settings: list[str]) -> None:
    said = head(plan(tiny_settings, "evaluation={during: [0.25, 0.5], during_prompts: 3}"))
    assert (
        "along the way: 3 of the held-out prompts are answered at 0.25, 0.5 of the budget, in time that it does not count\n"
        in said
    )


def test_a_forecast_asks_no_more_prompts_than_there_are(tiny_settings: list[str]) -> None:
    wanted = [*tiny_settings, "pipeline.forecast=true"]
    assert "forecast: after a supervised stage, 8 prompts are first answered 8 times" in head(
        plan(wanted)
    )
    set_aside = plan(wanted, "validation.num_prompts=3", "forecast.num_generations=4")
    assert "a supervised stage, 3 prompts are first answered 4 times" in head(set_aside)


def test_a_dry_run_says_what_validation_costs_and_that_a_budget_is_too_small(
    tiny_settings: list[str],
) -> None:
    found = plan(tiny_settings, "validation.num_prompts=3", "training.max_seconds=4")
    said = work(found, TimeEstimate(8.5, 2.0, validation_seconds=3.25))
    assert "validation: about 3.25 s a measurement, which the budget counts\n" in said
    assert (
        "warning: training.max_seconds is 4, less than a step takes: one step would be taken, and go over\n"
        in said
    )
    enough = work(found, TimeEstimate(3.5, 2.0, validation_seconds=3.25))
    assert "less than a step" not in enough
    assert "until 4 s of training are spent" in enough


def test_a_budget_of_all_stages_is_said_for_each(tiny_settings: list[str]) -> None:
    found = plan(tiny_settings)
    pipeline = found.config.pipeline.model_copy(update={"max_seconds": 90.0})
    config = found.config.model_copy(update={"pipeline": pipeline})
    said = head(replace(found, config=config))
    assert "until 90 s are spent by all stages together (at most 3 steps)" in said


def test_what_a_judge_will_be_asked_is_said_with_its_budget(tiny_settings: list[str]) -> None:
    judge = [*tiny_settings, "reward.type=judge", "reward.endpoint={url: 'http://h/v1', model: m}"]
    # Three steps of eight responses, and four held-out prompts before and after.
    assert "reward: m at http://h/v1 is asked at most 32 questions\n" in head(plan(judge))
    assert "at most 64 questions\n" in head(plan(judge, "reward.mode=pairwise"))
    assert "at most 24 questions\n" in head(plan(judge, "evaluation.enabled=false"))
    validated = plan(judge, "validation={num_prompts: 2, every_steps: 2, metric: reward}")
    assert "at most 38 questions\n" in head(validated)
    others = [one for one in judge if not one.startswith("method.")]
    supervised = plan([*others, "method={type: sft, max_response_tokens: 8}"])
    assert "at most 8 questions\n" in head(supervised)
    enough = head(plan(judge, "reward.endpoint.budget.calls=32"))
    assert "at most 32 questions, with a budget of 32\n" in enough
    short = head(plan(judge, "reward.endpoint.budget.calls=31"))
    assert "with a budget of 31 that may end the run before its last step; it then goes on with --resume and a larger one\n" in short  # fmt: skip
    assert "questions" not in head(plan(tiny_settings))


def test_stages_use_up_one_budget_together(tiny_settings: list[str]) -> None:
    alone = plan(tiny_settings)
    pipeline = alone.config.pipeline.model_copy(update={"max_seconds": 600.0})
    limited = replace(alone, config=alone.config.model_copy(update={"pipeline": pipeline}))

    def said(found: RunPlan, counted: float) -> str:
        text = StringIO()
        estimate = TimeEstimate(1.0, 12.0, counted_minutes=counted)
        show_stages(Console(file=text, width=500), {"1-sft": found, "2-rlsr": found}, {"1-sft": estimate, "2-rlsr": estimate})  # fmt: skip
        return text.getvalue()

    assert "all stages: 24 minutes\n" in said(alone, 10)
    assert "all stages: 14 minutes\n" in said(limited, 10), "10 minutes and two times 2"
    assert "all stages: 24 minutes\n" in said(limited, 4), "less than the budget"
