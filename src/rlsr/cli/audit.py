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
from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.packages import package_directory
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rlsr.audit import Audit, Check
    from rlsr.audit.rows import AuditRow
    from rlsr.config import RunConfig

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "left out": "dim"}


def audit(
    data: DataArgument,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=CONFIG_AND_SETTINGS,
            help="The config of the run to be, and settings such as reward.similarity.variant=cosine.",
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
    from rlsr.audit.rows import load_audit_rows, shuffled
    from rlsr.rewards import reward_kind

    found = shuffled(load_audit_rows(config.data, rows, config.seed), config.seed)
    reward_kind(config).check(config, [row.record for row in found])
    own: tuple[str, ...] = ()
    drawn: tuple[tuple[str, ...], ...] = ()
    if model != "none":
        own, drawn = _ask_policy(
            console,
            config,
            found,
            num_answers=answer_prompts,
            num_groups=sample_prompts,
            num_samples=samples,
        )
    result = _run(console, config, found, own, drawn, others)
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


def _ask_policy(
    console: Console,
    config: "RunConfig",
    rows: "tuple[AuditRow, ...]",
    *,
    num_answers: int,
    num_groups: int,
    num_samples: int,
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Let the policy answer some prompts once as well as it can, and some several times at random."""
    from rlsr.audit.sampling import sample_responses
    from rlsr.evaluation.generate import answer_prompts
    from rlsr.models import choose_device, load_policy, reference_lengths

    asked, sampled = rows[:num_answers], rows[:num_groups]
    console.print(
        f"{config.model.name} answers {len(asked)} prompts, and {len(sampled)} of them {num_samples} times at random",
        markup=False,
    )
    policy = load_policy(config.model, choose_device(config.device))
    references = [text for row in asked for text in row.record.references]
    longest = max(reference_lengths(policy.tokenizer, references))
    limit = min(config.method.max_response_tokens or 128, max(32, longest))
    answers, _ = answer_prompts(
        policy, [row.record for row in asked], max_response_tokens=limit, batch_size=32
    )
    drawn = sample_responses(
        policy,
        sampled,
        num_samples=num_samples,
        max_response_tokens=limit,
        batch_size=32,
        seed=config.seed,
    )
    return tuple(answers), tuple(map(tuple, drawn))


def _run(
    console: Console,
    config: "RunConfig",
    rows: "tuple[AuditRow, ...]",
    own: tuple[str, ...],
    drawn: tuple[tuple[str, ...], ...],
    others: list[str],
) -> "Audit":
    from rlsr.audit import AuditJob, run_audit
    from rlsr.audit.calls import audit_calls, require_within_budget
    from rlsr.audit.honest import honest_answers
    from rlsr.config.embedding import embedding_named
    from rlsr.models import choose_device
    from rlsr.remote.spending import spending_in
    from rlsr.rewards import open_reward

    device = choose_device(config.device)
    job = AuditJob(
        data=config.data.path,
        rows=rows,
        honest=honest_answers(rows, own),
        samples=drawn,
        config=config,
    )
    configs = {
        config.embedding.name: config,
        **{
            name: config.model_copy(update={"embedding": embedding_named(name)})
            for name in others
            if name != config.embedding.name
        },
    }
    # Without what earlier runs have kept: what a reward costs is part of the answer.
    rewards = [
        (name, lambda config=config: open_reward(config, device, keep=False))
        for name, config in configs.items()
    ]
    calls = audit_calls(job)
    for of_server in calls:
        console.print(of_server.in_words, markup=False)
        require_within_budget(of_server)
    with spending_in(None) as account:
        result = run_audit(job, rewards, lambda stage: console.print(stage, markup=False))
    if calls:
        console.print(account.total().in_words, markup=False)
    return result


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
