"""What a run or stages would do, in words and as the resolved config."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console

from rlsr.config import RunConfig
from rlsr.config.differences import differing_keys
from rlsr.embeddings import answers_of_servers
from rlsr.runs.validation import MEASURES

if TYPE_CHECKING:
    from rlsr.engines.estimate import TimeEstimate
    from rlsr.pipeline import RunPlan


def show_head(console: Console, plan: "RunPlan") -> None:
    """Say in a sentence what will be done, and what may surprise.

    Args:
        console: Where to.
        plan: Of a run or a stage.
    """
    config, dataset = plan.config, plan.dataset
    console.print(
        f"{config.method.title} trains {_weights(config)} of {config.model.name} on {config.data.path}: "
        f"{len(plan.train)} training and {len(dataset.heldout)} held-out prompts, {_work(config, plan.num_steps)} on "
        f"{plan.device}",
        markup=False,
    )
    if config.training.average_power is not None:
        console.print(
            f"weights: their mean over the steps (training.average_power={config.training.average_power:g}) is what is measured and saved",
            markup=False,
        )
    if plan.validation:
        console.print(_validation(plan), markup=False)
    if config.evaluation.during and dataset.heldout:
        console.print(_along_the_way(plan), markup=False)
    if config.pipeline.forecast and config.method.num_sampled:
        asked = min(config.forecast.num_prompts, len(plan.validation or plan.train))
        console.print(
            f"forecast: after a supervised stage, {asked} prompts are first answered {config.forecast.num_generations} times; where "
            "choosing among the answers says that it does not pay, the stage is left out",
            markup=False,
        )
    for questions in _questions(plan):
        console.print(questions, markup=False)
    for warning in plan.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")


def _questions(plan: "RunPlan") -> Iterator[str]:
    """Say what each server behind the reward will be asked, and whether its budget is enough for that."""
    from rlsr.pipeline.expected_calls import expected_calls
    from rlsr.rewards import reward_kind

    expected = expected_calls(plan)
    for setting, endpoint in reward_kind(plan.config).endpoints(plan.config).items():
        number, limit = expected[setting], endpoint.budget.calls
        enough = "" if limit is None else f", with a budget of {limit:,}"
        if limit is not None and limit < number:
            enough += " that may end the run before its last step; it then goes on with --resume and a larger one"
        model = endpoint.model or "the model of each grader"
        yield f"reward: {model} at {endpoint.url} is asked at most {number:,} questions{enough}"


def _validation(plan: "RunPlan") -> str:
    """Say what validation does, for which weights, and at what cost of prompts."""
    rule, measure = plan.config.validation, MEASURES[plan.config.validation_metric]
    ends = (
        "never end training"
        if rule.patience is None
        else f"end training after {rule.patience} measurements in a row without gain"
    )
    kept = (
        "the best"
        if rule.tolerance == 0 or measure.is_of_all
        else "the latest that chance does not tell from the best"
    )
    return (
        f"validation: {len(plan.validation)} of the training prompts are set aside and measured before the first step, after every "
        f"{rule.every_steps} and after the last, by {measure.words}; they choose the weights that are kept, {kept}, and {ends}"
    )


def _along_the_way(plan: "RunPlan") -> str:
    settings, num_heldout = plan.config.evaluation, len(plan.dataset.heldout)
    shares = ", ".join(f"{share:.4g}" for share in settings.during)
    asked = min(num_heldout, settings.during_prompts or num_heldout)
    return f"along the way: {asked} of the held-out prompts are answered at {shares} of the budget, in time that it does not count"


def show_plan(console: Console, plan: "RunPlan", estimate: "TimeEstimate") -> None:
    """Show what a run would do and what it would cost.

    Args:
        console: Where to.
        plan: Of the run.
        estimate: Of its cost.
    """
    console.print("# resolved config", style="bold")
    _show_yaml(console, plan.config.model_dump(mode="json"))
    console.print("# what it would do", style="bold")
    _show_work(console, plan, estimate)
    console.print("nothing was trained or written")


def show_stages(
    console: Console, plans: Mapping[str, "RunPlan"], estimates: Mapping[str, "TimeEstimate"]
) -> None:
    """Show what stages would do and what they would cost.

    Args:
        console: Where to.
        plans: Of every stage, by name.
        estimates: The same of their cost.
    """
    shown: tuple[str, dict[str, Any]] | None = None
    for name, plan in plans.items():
        settings = plan.config.model_dump(mode="json")
        if shown is None:
            shown = name, settings
            console.print(f"# resolved config of stage {name}", style="bold")
            _show_yaml(console, settings)
        else:
            console.print(
                f"# stage {name}: as {shown[0]}, but for the model, which is what the stage before leaves, and",
                style="bold",
            )
            _show_yaml(console, _differences(shown[1], settings))
    for name, plan in plans.items():
        console.print(f"# what stage {name} would do", style="bold")
        _show_work(console, plan, estimates[name])
    console.print(f"all stages: {_minutes_of_stages(plans, estimates):.3g} minutes")
    console.print("nothing was trained or written")


def _minutes_of_stages(
    plans: Mapping[str, "RunPlan"], estimates: Mapping[str, "TimeEstimate"]
) -> float:
    """Add up the stages; what they have one budget for, each alone may use up, and together they use it up once."""
    total = sum(estimate.total_minutes for estimate in estimates.values())
    budget = next(iter(plans.values())).config.pipeline.max_seconds
    if budget is None:
        return total
    counted = sum(estimate.counted_minutes for estimate in estimates.values())
    return total - max(0.0, counted - budget / 60)


def _weights(config: RunConfig) -> str:
    lora = config.model.lora
    return "all weights" if lora is None else f"LoRA adapters (rank {lora.rank})"


def _work(config: RunConfig, num_steps: int) -> str:
    """Say how many steps of what; a budget decides before the number of steps does."""
    training = config.training
    batch = config.method.batch_in_words(training.prompts_per_step)
    budgets = []
    if config.pipeline.max_seconds is not None:
        budgets.append(f"{config.pipeline.max_seconds:g} s are spent by all stages together")
    if training.max_seconds is not None:
        budgets.append(f"{training.max_seconds:g} s of training are spent")
    if training.max_tokens is not None:
        budgets.append(f"{training.max_tokens:,} response tokens are learnt from")
    if budgets:
        return f"steps of {batch} until {' or '.join(budgets)} (at most {num_steps:,} steps)"
    return f"{num_steps:,} steps of {batch}"


def _show_work(console: Console, plan: "RunPlan", estimate: "TimeEstimate") -> None:
    show_head(console, plan)
    for name, lengths in (("prompts", plan.prompt_lengths), ("references", plan.reference_lengths)):
        console.print(
            f"{name}: median {lengths.median:g}, 95th percentile {lengths.p95:g}, longest {lengths.maximum} tokens"
        )
    console.print(
        f"estimate, good to a factor of two: {plan.memory.peak_gb:.1f} GB of memory, {estimate.step_seconds:.3g} s a step, "
        f"{estimate.total_minutes:.3g} minutes in all"
    )
    for server, width in answers_of_servers(plan.config).items():
        console.print(f"{server} answers with {width} numbers a text", markup=False)
    if plan.validation:
        console.print(
            f"validation: about {estimate.validation_seconds:.3g} s a measurement, which the budget counts"
        )
    for key, seconds in (
        ("training.max_seconds", plan.config.training.max_seconds),
        ("pipeline.max_seconds", plan.config.pipeline.max_seconds),
    ):
        if seconds is not None and seconds < estimate.step_seconds:
            console.print(
                f"warning: {key} is {seconds:g}, less than a step takes: one step would be taken, and go over",
                style="yellow",
            )
    console.print(f"passes of at most {plan.memory.cut.tokens_per_pass:,} tokens")
    rows = plan.memory.cut.rows_at_a_time
    if rows is not None:
        console.print(f"rollouts of {rows:,} responses at a time")


def _show_yaml(console: Console, settings: dict[str, Any]) -> None:
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    console.print(text, markup=False)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """List the settings that are other ones, by their dotted names."""
    found = {}
    for key in differing_keys(old, new):
        value: Any = new
        for part in key.split("."):
            value = value.get(part, _GONE) if isinstance(value, Mapping) else _GONE
        if value is not _GONE:
            found[key] = value
    return found


_GONE = object()
"""A setting that the other method does not have."""
