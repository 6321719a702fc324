"""Recipes side by side: run every recipe with every seed, and put their scores beside each other.

``plan_comparison`` reads and checks everything and writes nothing; ``run_comparison`` does what was planned, in one
directory, and goes on where an earlier session was interrupted.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.comparison.at_once import AtOnce
from rlsr.comparison.cells import Cell, Say, remove_checkpoints, reuse_answers
from rlsr.comparison.collect import collect
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.result import Comparison, read_comparison, write_comparison
from rlsr.comparison.trials import Failed, make_choices
from rlsr.config.differences import differing_keys
from rlsr.errors import ConfigError, RunError
from rlsr.interruption import INTERRUPTED, Interrupted
from rlsr.runs.directory import require_free
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.owner import owned


def run_comparison(
    plan: ComparisonPlan,
    path: Path,
    say: Say,
    *,
    at_once: AtOnce | None = None,
    execute: Callable[[Cell, Say], int] | None = None,
) -> Comparison:
    """Run what is not done yet and compare.

    Args:
        plan: What ``plan_comparison`` returned.
        path: The directory: new, or that of the same comparison begun before.
        say: Told what happens, line by line.
        at_once: Runs cells at the same time; None runs one after another.
        execute: Runs a cell and returns its exit code; None is a process of ``at_once``.

    Returns:
        What was found; the same stands in ``compare.json``.

    Raises:
        RunError: The directory is taken, or cells failed; the message says how to go on.
        ConfigError: The directory is that of another comparison.
    """
    file = path / "compare.json"
    if file.is_file():
        open_comparison(plan.table, path)
        say("the comparison is complete; nothing was run")
        return read_comparison(file)
    with owned(path):
        open_comparison(plan.table, path)
        at_once = at_once or AtOnce()
        comparison = _compare(plan, path, say, at_once, execute or at_once.run_cell)
        write_comparison(file, comparison)
        return comparison


def _compare(
    plan: ComparisonPlan,
    path: Path,
    say: Say,
    at_once: AtOnce,
    execute: Callable[[Cell, Say], int],
) -> Comparison:
    def run(cells: Sequence[Cell], kind: str = "") -> Failed:
        return run_all(cells, say, at_once, execute, kind, keep=plan.experiment.keep_checkpoints)

    choices, failed = make_choices(plan, path, say, run)
    cells = plan.cells(path, {choice.recipe: choice.chosen for choice in choices})
    failed += run(cells)
    if failed:
        waiting = {cell.recipe for cell, _ in failed if cell.trial is not None}
        names = [recipe.name for recipe in plan.recipes if recipe.chosen_by in waiting]
        raise RunError(failure(failed, _num_cells(plan, path), path, not_begun=names))
    return collect(plan, cells, choices)


def open_comparison(table: Mapping[str, Any], path: Path) -> None:
    """Make the directory of a comparison, or make sure that it is that of the same one.

    Args:
        table: Everything that decides what is found, for ``experiment.json``.
        path: The directory.

    Raises:
        RunError: Something else stands there.
        ConfigError: Another comparison was begun there; the message names the settings that differ.
    """
    file = path / "experiment.json"
    if not file.is_file():
        require_free(path, "a new comparison needs", "name another with --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: the directory cannot be made: {error}") from error
        write_json(file, table)
        return
    differing = differing_keys(read_json(file), table)
    if differing:
        raise ConfigError(
            f"{path}: another comparison was begun here, in which these settings differ: {', '.join(differing)}; put them "
            "back to go on with it, or name another directory with --out"
        )


def run_all(
    cells: Sequence[Cell],
    say: Say,
    at_once: AtOnce,
    execute: Callable[[Cell, Say], int],
    kind: str,
    *,
    keep: bool,
) -> Failed:
    """Run what is not complete; what fails does not stop the others.

    Args:
        cells: In order.
        say: Told what happens, line by line.
        at_once: Says how many at the same time; untrained policies come before the others, which take over their answers.
        execute: Runs a cell and returns its exit code.
        kind: What they are, for people, with a space behind it; may be empty.
        keep: Whether the checkpoints of what is complete stay.

    Returns:
        The cells that did not come to their end, in order, with their exit codes.

    Raises:
        Interrupted: A cell was, and all have ended.
    """
    failed: dict[int, int] = {}
    preparing = threading.Lock()

    def run(place: int) -> None:
        cell = cells[place]
        if not cell.is_complete:
            say(f"[{kind}{place + 1}/{len(cells)}] {cell.name}")
            with preparing:
                cell.write_config()
                reuse_answers(cell, cells)
            code = execute(cell, lambda line: say(f"[{cell.name}] {line}"))
            if code in INTERRUPTED:
                raise Interrupted(code - 128)
            if not cell.is_complete:
                failed[place] = code
                return
        if not keep:
            remove_checkpoints(cell)

    for is_untrained in (True, False):
        at_once.for_each(
            [place for place, cell in enumerate(cells) if cell.is_untrained is is_untrained], run
        )
    return [(cells[place], failed[place]) for place in sorted(failed)]


def _num_cells(plan: ComparisonPlan, path: Path) -> int:
    """Count all trials and runs, those that wait for a choice among them."""
    chosen = {recipe.name: 0 for recipe in plan.recipes if recipe.chooses}
    trials = [cell for recipe in plan.recipes for cell in plan.trials(recipe, path)]
    return len(trials) + len(plan.cells(path, chosen))


def failure(failed: Failed, num_cells: int, path: Path, not_begun: Sequence[str] = ()) -> str:
    """Say which cells did not come to their end, and how to go on.

    Args:
        failed: The cells with their exit codes.
        num_cells: How many there are in all.
        path: The directory of the comparison.
        not_begun: Recipes that wait for a trial among them.
    """
    lines = [
        f"{path}: {len(failed)} of {num_cells} runs did not come to their end; the others are kept"
    ]
    lines += [
        f"  {cell.name}: exit code {code}, {'see ' if cell.log_file.is_file() else 'no '}{cell.log_file}"
        for cell, code in failed
    ]
    if not_begun:
        lines.append(f"not begun, since a trial of their choice is missing: {', '.join(not_begun)}")
    lines.append(
        f"put right what they say and give the same command again with --out {path}: it runs what is missing and compares"
    )
    return "\n".join(lines)
