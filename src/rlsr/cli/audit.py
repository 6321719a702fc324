"""``rlsr audit`` asks whether a reward can be trusted on some data, without training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsr.cli.arguments import (
    CONFIG_AND_SETTINGS,
    DataArgument,
    default_directory,
    is_config_or_setting,
    model_of,
    settings_of,
    split_arguments,
)
from rlsr.cli.setting_names import complete_setting
from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.packages import package_directory
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rlsr.auditing import Audit, Check

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "left out": "dim"}


def audit(
    data: DataArgument,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=CONFIG_AND_SETTINGS,
            help="The config of the run to be, and settings such as reward.similarity.variant=cosine.",
            autocompletion=complete_setting,
        ),
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(help="Short for reward.similarity.variant: blend, ensemble or cosine."),
    ] = None,
    compare_encoders: Annotated[
        list[str] | None,
        typer.Option(help="Encoders to compare with: A,B,C or A B C."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The policy that answers prompts, the config's if not given; none asks no policy and leaves checks out."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Most prompts to look at.")] = 200,
    answer_prompts: Annotated[
        int,
        typer.Option(min=1, help="Prompts that the policy answers once, as the honest answers."),
    ] = 64,
    sample_prompts: Annotated[
        int, typer.Option(min=1, help="Prompts that it draws several samples to.")
    ] = 24,
    samples: Annotated[int, typer.Option(min=2, help="Samples to each of them.")] = 4,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory of the findings; audits/NAME-DATE-TIME if not given."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with code 1 if a check fails, or too little could be measured."
        ),
    ] = False,
) -> None:
    """Ask before training whether the reward ranks answers rightly on your data."""
    require_one_process("rlsr audit")
    from rlsr.config import load_config
    from rlsr.runs.directory import require_free

    settings, others = _split_encoders(arguments or [], compare_encoders)
    files, overrides = split_arguments(settings)
    policy = None if model == "none" else model
    options = settings_of({"reward.similarity.variant": reward, "model": model_of(policy)})
    config = load_config(files, [*settings_of({"data": data}), *overrides, *options])
    path = out or default_directory("audits", [], data)
    require_free(path, "findings need", "name another with --out")
    _check_page_library()
    console = open_console()
    from rlsr.auditing.whole import AuditSize, audit_data

    result = audit_data(
        config,
        AuditSize(rows, answer_prompts, sample_prompts, samples),
        asks_policy=model != "none",
        encoders=others,
        say=lambda line: console.print(line, markup=False),
    )
    _write(path, result)
    _show(console, result, path)
    if strict and result.verdict in {"fail", "not enough"}:
        raise typer.Exit(code=1)


def _check_page_library() -> None:
    """Say that the library of the page is missing before the work and not after it."""
    if package_directory("vl_convert") is None:
        raise MissingPackageError(
            "vl-convert-python", "draw the audit's page", "pip install 'rlsr[report]'"
        )


def _split_encoders(arguments: list[str], given: list[str] | None) -> tuple[list[str], list[str]]:
    """Take the encoders' names out of the command line: ``--compare-encoders A B C`` as well as ``A,B,C``."""
    if not given:
        return arguments, []
    settings = [argument for argument in arguments if is_config_or_setting(argument)]
    rest = [argument for argument in arguments if not is_config_or_setting(argument)]
    names = [name.strip() for item in [*given, *rest] for name in item.split(",")]
    if any(not name for name in names):
        raise ConfigError("--compare-encoders: an empty name; write them as A,B,C or A B C")
    return settings, names


def _write(path: Path, result: "Audit") -> None:
    from rlsr.report import write_audit_json, write_audit_page

    path.mkdir(parents=True, exist_ok=True)
    write_audit_json(path / "audit.json", result)
    write_audit_page(path / "audit.html", result)


def _show(console: Console, result: "Audit", path: Path) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("verdict")
    table.add_column("check")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("why")
    for check in result.checks:
        style = STYLES[check.verdict]
        table.add_row(Text(check.verdict, style=style), check.name, _value(check), check.reason)
    console.print(
        f"\n{result.reward}\nencoder {result.encoder}, {result.num_rows} rows of {result.data}, honest answers: "
        f"{result.honest}\n",
        markup=False,
    )
    console.print(table)
    for compared in result.encoders:
        console.print(
            f"{compared.encoder}: catches {compared.attacks_caught:.1%} of attacks, {compared.facts_caught:.1%} of those on "
            f"facts; {compared.share_cut:.1%} of texts cut; {compared.ms_per_response:.2f} ms a response",
            markup=False,
        )
    left_out = (
        f", {result.num_left_out} of {len(result.checks)} checks are left out"
        if result.num_left_out
        else ""
    )
    console.print("\nwhat to do")
    for sentence in result.recommendations:
        console.print(f"- {sentence}", markup=False)
    console.print(
        f"\nthe verdict is {result.verdict}{left_out}; took {result.seconds:.0f} s of scoring\n{path / 'audit.html'}\n"
        f"{path / 'audit.json'}",
        markup=False,
    )


def _value(check: "Check") -> str:
    if check.value is None:
        return "-"
    if check.low is None or check.high is None:
        return f"{check.value:.3f}"
    return f"{check.value:.3f} [{check.low:.3f}, {check.high:.3f}]"
