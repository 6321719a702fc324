"""``rlsr data check`` says whether a file can be trained on."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from rlsr.cli.arguments import DataArgument, settings_of
from rlsr.cli.terminal import open_console
from rlsr.errors import DataError
from rlsr.printable import printable

if TYPE_CHECKING:
    from rlsr.config import RunConfig
    from rlsr.data import DataReport, Dataset, PromptRecord


class _Budget(TypedDict):
    """What is asked of the length of prompts."""

    count_tokens: "Callable[[PromptRecord], int] | None"
    max_prompt_tokens: int | None


app = typer.Typer(help="Look at data before training on it.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Look at data before training on it."""


@app.command(name="check")
def check(
    path: DataArgument,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings, as in data.layout=messages."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Also count tokens as this policy does, and check the prompts' budget."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A suite's file: how many of its prompts stand in the training rows? May be given several times.",
        ),
    ] = None,
) -> None:
    """Read every row, list every problem with its place, and show what was understood."""
    from rlsr.config import load_config
    from rlsr.data import load_dataset
    from rlsr.data.streamed import check_data

    settings = [
        *settings_of({"data.path": path}),
        *(overrides or []),
        *settings_of({"model": model}),
    ]
    config = load_config(overrides=settings)
    budget: _Budget = {
        "count_tokens": _counter(config) if model else None,
        "max_prompt_tokens": config.method.max_prompt_tokens if model else None,
    }
    try:
        # What is compared with texts of others needs all texts; anything else is understood without holding them.
        if not against and not config.data.remove_overlap:
            checked = check_data(config.data, **budget)
            _show(checked.report, checked.first)
            return
        dataset = load_dataset(config.data, **budget)
    except DataError as error:
        # A check that was asked for lists every problem; the message holds the first.
        for line in error.problems:
            print(printable(line))
        raise
    _show(dataset.report, dataset.train[0])
    for file in against or []:
        _show_overlap(file, dataset, config.data.overlap_words)


def _counter(config: "RunConfig") -> "Callable[[PromptRecord], int]":
    """Count a prompt's tokens as the policy does."""
    from rlsr.models import PromptLengths, load_tokenizer

    lengths, budget = PromptLengths(load_tokenizer(config.model)), config.method.max_prompt_tokens
    return lambda record: lengths.count_within(record.messages, budget)


def _show(report: "DataReport", first: "PromptRecord") -> None:
    console = open_console()
    for line in _report_lines(report):
        console.print(line, markup=False)
    console.print(f"\nfirst training row ({first.location})", markup=False)
    for message in first.messages:
        console.print(f"  {message.role}: {_short(message.content)}", markup=False)
    for reference in first.references:
        console.print(f"  reference: {_short(reference)}", markup=False)
    if first.rejected is not None:
        console.print(f"  rejected: {_short(first.rejected)}", markup=False)


def _show_overlap(file: str, dataset: "Dataset", num_words: int) -> None:
    """Say how many prompts of a suite's file stand in the training rows, and name some."""
    from rlsr.data.overlap import measure_overlap, overlap_in_words
    from rlsr.data.overlap_files import read_prompts

    found = measure_overlap(read_prompts(file), dataset.train, num_words)
    words = overlap_in_words(found, prompts=file, rows=dataset.report.source)
    console = open_console()
    console.print(f"\n{words}", markup=False)
    if found.prompts:
        more = f" and {len(found.prompts) - 5} more" if len(found.prompts) > 5 else ""
        console.print(f"  {', '.join(found.prompts[:5])}{more}", markup=False)
        console.print(
            f"  data.remove_overlap={[file]} leaves these training rows out", markup=False
        )


def _report_lines(report: "DataReport") -> Iterator[str]:
    yield f"{report.source}: {report.num_rows} rows, layout {report.layout}"
    yield f"  train {report.num_train}, held out {report.num_heldout}, skipped {len(report.skipped)}"
    for problem in report.skipped:
        yield f"    {problem.line}"
    if report.num_merged:
        yield (
            f"  rows merged: {report.num_merged}, "
            f"prompts with several references: {report.num_several_references} (data.same_prompt)"
        )
    if report.num_repeated:
        yield f"  rows left out that repeat the prompt and answer of another: {report.num_repeated}"
    if report.num_overlapping:
        yield f"  training rows left out that hold a prompt of a suite: {report.num_overlapping} (data.remove_overlap)"
    yield f"  {report.answer_in_words}"
    for name, lengths in (("prompts", report.prompt_chars), ("references", report.reference_chars)):
        yield f"  {name}: {lengths.minimum} to {lengths.maximum} characters, median {lengths.median:g}"
    from rlsr.data.rows import show

    num_usable = report.num_train + report.num_heldout
    if report.num_rejected:
        yield f"  rejected answers: in {report.num_rejected} of {num_usable} rows"
    if report.columns:
        columns = (
            f"{show(column.name)} ({' or '.join(column.types) or 'null'}, in {column.num_filled} of {num_usable} rows)"
            for column in report.columns
        )
        yield f"  further columns: {', '.join(columns)}"


def _short(text: str, most: int = 300) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[:most]} ..."
