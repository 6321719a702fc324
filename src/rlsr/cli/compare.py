"""``rlsr compare`` trains recipes with the same budget and compares them on the same held-out prompts."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsr.cli.arguments import default_directory, split_arguments
from rlsr.cli.terminal import open_console
from rlsr.cli.what_next import show_report_command
from rlsr.errors import ConfigError
from rlsr.interruption import number_of
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rlsr.comparison.at_once import Seat
    from rlsr.comparison.plan import ComparisonPlan
    from rlsr.comparison.recipe import Recipe
    from rlsr.comparison.result import Comparison
    from rlsr.config import RunConfig


def compare(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="EXPERIMENT.yaml [KEY=VALUE]...",
            help="The experiment, and settings such as budget.amount=60 or recipes.sft.training.learning_rate=1e-5.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The directory of the comparison, runs/NAME-DATE-TIME if not given; one that was interrupted goes on."
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="How many runs go at once; each has a GPU of its own as far as there are GPUs, and its share of the threads.",
        ),
    ] = 1,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check everything and show what would be run; run nothing."),
    ] = False,
) -> None:
    """Train recipes with the same budget and compare them on held-out prompts, with intervals over prompts and seeds."""
    require_one_process("rlsr compare")
    from rlsr.comparison.experiment import load_experiment

    files, overrides = split_arguments(arguments)
    if len(files) != 1:
        raise ConfigError(
            f"one experiment is compared at a time, got {len(files)} files; settings that recipes share go into its base"
        )
    experiment = load_experiment(files[0], overrides)
    path = out or default_directory("runs", files)
    console = open_console()
    from rlsr.comparison.again import measure_again, plan_again
    from rlsr.comparison.at_once import AtOnce
    from rlsr.comparison.markdown import write_comparison_markdown
    from rlsr.comparison.plan import plan_comparison
    from rlsr.comparison.run import run_comparison
    from rlsr.comparison.seats import seats_here, shared_time

    plan = plan_comparison(experiment)
    ways = plan_again(experiment, plan.recipes)
    seats = seats_here(jobs, plan.devices)
    plan = plan.with_warnings(shared_time(seats, experiment.budget.by))
    _show_plan(console, plan, seats)
    for way in ways:
        console.print(f"  then {way.in_words}, on {way.num_heldout} prompts", markup=False)
    if dry_run:
        console.print("nothing was run or written")
        return
    console.print(f"directory: {path}\n", markup=False)

    def say(line: str) -> None:
        console.print(line, markup=False)

    try:
        comparison = run_comparison(plan, path, say, at_once=AtOnce(seats))
        once_more = measure_again(plan, ways, comparison, path, say, at_once=AtOnce(seats))
    except KeyboardInterrupt as interruption:
        again = ["rlsr", "compare", *arguments, "--out", str(path)]
        again += ["--jobs", str(jobs)] if jobs > 1 else []
        console.print(
            f"\ninterrupted; `{shlex.join(again)}` goes on where it was",
            markup=False,
        )
        raise typer.Exit(code=128 + number_of(interruption)) from None
    write_comparison_markdown(path / "compare.md", comparison)
    _show(console, comparison, path)
    for way, found in zip(ways, once_more.values(), strict=True):
        console.print(f"\n{way.in_words}:", markup=False)
        write_comparison_markdown(way.directory(path) / "compare.md", found)
        _show(console, found, way.directory(path))


def _show_plan(console: Console, plan: "ComparisonPlan", seats: "Sequence[Seat]") -> None:
    from rlsr.comparison.seats import in_words
    from rlsr.comparison.words import amount_in_words

    experiment = plan.experiment
    budget, seeds = experiment.budget, experiment.seeds
    trained = [recipe for recipe in plan.recipes if not recipe.is_untrained]
    console.print(
        f"{len(trained)} trained recipe{'s' if len(trained) > 1 else ''} x {len(seeds)} seed{'s' if len(seeds) > 1 else ''}, {plan.num_train} training and {plan.num_heldout} held-out "
        f"prompts, {amount_in_words(budget.by, budget.amount)} for each run",
        markup=False,
    )
    for recipe in plan.recipes:
        mark = "  (baseline)" if recipe.name == experiment.baseline_name else ""
        console.print(f"  {recipe.name}: {_in_words(recipe)}{mark}", markup=False)
        if recipe.chooses:
            _show_trials(console, recipe)
    names = [
        f"{metric.name} (in the reward)" if metric.in_reward else metric.name
        for metric in plan.metrics
    ]
    console.print(f"  measured by {', '.join(names)}", markup=False)
    if budget.by == "wall_clock":
        minutes = len(trained) * len(seeds) * budget.amount / 60
        trials = sum(len(recipe.candidates) for recipe in trained if recipe.chooses)
        before = experiment.trial_share * budget.amount * trials / 60
        console.print(
            f"  {minutes:,.3g} minutes of training steps in all{f', after {before:,.3g} of trials' if trials else ''}; loading and "
            "the evaluations come on top",
            markup=False,
        )
    if len(seats) > 1:
        console.print(f"  {in_words(seats)}", markup=False)
    for warning in plan.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")


def _in_words(recipe: "Recipe") -> str:
    """Say how a recipe is trained; a learning rate that is chosen later is not known yet."""
    if recipe.is_untrained:
        return "the policy before training"
    stages = []
    for place, stage in enumerate(recipe.stages):
        rates = {one.stages[place].training.learning_rate for one in recipe.candidates}
        rate = "to be chosen" if len(rates) > 1 else f"{stage.training.learning_rate:g}"
        stages.append(f"{stage.method.type} (learning rate {rate}, {_ending(stage)})")
    taken = recipe.chosen_by if recipe.chosen_by and not recipe.chooses else None
    return ", then ".join(stages) + (f"; takes the choice of {taken}" if taken else "")


def _show_trials(console: Console, recipe: "Recipe") -> None:
    from rlsr.comparison.choose import in_words
    from rlsr.runs.validation import MEASURES

    count, last = len(recipe.candidates), recipe.candidates[0].trial[-1]
    stages = ", then ".join(_ending(stage) for stage in recipe.candidates[0].trial)
    console.print(
        f"    chooses by {MEASURES[last.validation_metric].words} on {last.validation.num_prompts} validation prompts, after "
        f"{count} trial{'s' if count > 1 else ''} of {stages}:",
        markup=False,
    )
    for candidate in recipe.candidates:
        console.print(f"      {in_words(candidate.values)}", markup=False)


def _ending(stage: "RunConfig") -> str:
    from rlsr.comparison.words import amount_in_words

    training = stage.training
    if stage.pipeline.max_seconds is not None:
        return f"of {amount_in_words('wall_clock', stage.pipeline.max_seconds)} for all stages"
    limits = [
        amount_in_words(by, amount)
        for by, amount in (
            ("wall_clock", training.max_seconds),
            ("tokens", training.max_tokens),
        )
        if amount is not None
    ]
    assert training.steps is not None, "resolved by the plan"
    return limits[0] if limits else amount_in_words("steps", training.steps)


def _show(console: Console, comparison: "Comparison", path: Path) -> None:
    from rlsr.cli.comparison_table import comparison_table, curve_table, sentences
    from rlsr.comparison.choice_table import choice_in_words
    from rlsr.comparison.curve_words import crossings_in_words

    console.print()
    console.print(comparison_table(comparison))
    for sentence in sentences(comparison):
        console.print(sentence, markup=False)
    for choice in comparison.choices:
        console.print(choice_in_words(choice), markup=False)
    over_time = curve_table(comparison)
    if over_time is not None:
        console.print()
        console.print(over_time)
    for sentence in crossings_in_words(comparison):
        console.print(f"- {sentence}", markup=False)
    for note in comparison.notes:
        console.print(f"note: {note}", markup=False, style="yellow")
    console.print(
        f"\n{path / 'compare.md'} has all metrics, compare.json the same for programs", markup=False
    )
    show_report_command(console, path)
