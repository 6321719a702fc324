"""A run as plain lines, where there is no terminal to draw on: what the live program shows, once."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsr.printable import printable
from rlsr.runs.growing import GrowingRun
from rlsr.runs.progress import progress_of
from rlsr.runs.record import Run, Stage
from rlsr.runs.rollout_samples import read_rollout_samples, samples_file
from rlsr.runs.step_totals import steps_taken
from rlsr.watch.curves import Curve, Curves, is_of_table, written
from rlsr.watch.drawing import draw_blocks, thinned
from rlsr.watch.head import doing_text, left_words, stage_words, state_text
from rlsr.watch.heldout import heldout_view
from rlsr.watch.kept_steps import kept_step_before
from rlsr.watch.rollouts import rollouts_view
from rlsr.watch.signs import said_of, signs_view

_MOST_CURVES = 12
_SPARK_COLUMNS = 24
_MOST_CHARACTERS = 600


def print_snapshot(console: Console, growing: GrowingRun) -> None:
    """Print where a run stands, all of its stages in brief and the newest one in full.

    Args:
        console: Where to; in an encoding without block characters it gets no lines.
        growing: The run.

    Raises:
        RunError: There is no run at this place, or one of its files is damaged.
    """
    run = growing.look()
    if run is None:
        console.print(f"{growing.path}: no stage was begun yet", markup=False)
        return
    progress = progress_of(run, is_worked_in=growing.is_worked_in())
    console.print(Text.assemble(printable(str(run.path)), "  ", state_text(progress)))
    left = left_words(progress, has_more=bool(run.missing_stages))
    console.print(Text.assemble(doing_text(run.path, progress), f" ({left})" if left else ""))
    if run.is_pipeline:
        for place in range(len(run.stages) + len(run.missing_stages)):
            console.print(f"  {stage_words(run, place)}{_steps(run, place)}", markup=False)
    _print_stage(console, run.stages[-1])


def _steps(run: Run, place: int) -> str:
    return f": {steps_taken(run.stages[place].steps)} steps" if place < len(run.stages) else ""


def _print_stage(console: Console, stage: Stage) -> None:
    curves = [curve for curve in Curves().of(stage) if is_of_table(curve.name)][:_MOST_CURVES]
    if curves:
        console.print()
        console.print(_curve_table(curves, with_lines=_has_blocks(console)))
    console.print()
    console.print(heldout_view(stage), soft_wrap=False)
    console.print(signs_view(said_of(stage)), soft_wrap=False)
    step = kept_step_before(stage)
    if step is not None:
        console.print()
        console.print(f"responses of step {step}", markup=False, style="bold")
        samples = read_rollout_samples(samples_file(stage.path / "samples", step))
        console.print(rollouts_view(samples, most_characters=_MOST_CHARACTERS), soft_wrap=False)


def _curve_table(curves: Sequence[Curve], *, with_lines: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("over the steps", no_wrap=True, min_width=24, overflow="ellipsis")
    for title in ("first", "last", "lowest", "highest"):
        table.add_column(title, justify="right", no_wrap=True)
    if with_lines:
        table.add_column("")
    for curve in curves:
        low, high = min(curve.values), max(curve.values)
        numbers = (curve.values[0], curve.values[-1], low, high)
        line = [_spark(curve)] if with_lines else []
        table.add_row(printable(curve.title), *map(written, numbers), *line)
    return table


def _spark(curve: Curve) -> str:
    points = thinned(curve.steps, curve.values, _SPARK_COLUMNS)
    return draw_blocks([value for _, value in points])


def _has_blocks(console: Console) -> bool:
    try:
        "\N{LOWER ONE EIGHTH BLOCK}".encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
