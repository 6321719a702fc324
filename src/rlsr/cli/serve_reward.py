"""``rlsr serve-reward`` scores responses over HTTP."""

from typing import Annotated

import typer

from rlsr.cli.arguments import split_arguments, with_configs_of_runs
from rlsr.cli.setting_names import complete_setting
from rlsr.cli.terminal import open_console
from rlsr.processes import require_one_process


def serve_reward(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|CONFIG.yaml]... [KEY=VALUE]...",
            help="Whose reward and encoder: those of a run, of a config, or settings as reward=math. The default reward if not given.",
            autocompletion=complete_setting,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Where it listens. Any but this machine's own address needs a token in RLSR_SERVE_TOKEN."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes one that is free.")] = 8000,
    max_rows: Annotated[
        int,
        typer.Option(min=1, help="Most rows of different requests that are scored in one call."),
    ] = 64,
    wait_ms: Annotated[
        float,
        typer.Option(min=0, max=1000, help="How long a call waits for more rows, in milliseconds."),
    ] = 5.0,
    max_waiting: Annotated[
        int,
        typer.Option(min=1, help="Most rows that wait; further requests get status 429."),
    ] = 4096,
    max_body_mb: Annotated[
        float, typer.Option(min=0.001, max=256, help="Longest request, in megabytes.")
    ] = 4.0,
    replicas: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many servers Ray Serve runs behind this address, on this machine or in the cluster of RAY_ADDRESS.",
        ),
    ] = None,
) -> None:
    """Serve a reward over HTTP for other trainers: batched, with back-pressure, /healthz and /metrics; SIGTERM ends it when all is answered."""
    require_one_process("rlsr serve-reward")
    from rlsr.config import load_config

    config = load_config(*split_arguments(with_configs_of_runs(arguments or [])))
    # Late: torch takes seconds, and a wrong argument is answered at once.
    from rlsr.pipeline.plan import set_threads
    from rlsr.serving.gathering import Limits
    from rlsr.serving.server import Place, serve

    console = open_console()

    def say(address: str) -> None:
        from rlsr.rewards import reward_kind

        by, gets = ("", ", /metrics") if replicas is None else (f", {replicas} replicas", "")
        console.print(
            f"{address} scores by {reward_kind(config).describe(config)}{by}\n"
            f"POST /v1/score, /openrlhf, /v1/embeddings; GET /healthz{gets}; Ctrl-C or SIGTERM ends it when all is answered",
            markup=False,
            soft_wrap=True,
        )

    set_threads(config.threads)
    place = Place(host, port, max_body_bytes=round(max_body_mb * 1e6))
    limits = Limits(max_rows, wait_ms, max_waiting)
    if replicas is None:
        serve(config, place, limits, ready=say)
    else:
        from rlsr.serving.replicas import serve_replicas

        serve_replicas(config, place, limits, replicas, ready=say)
    console.print("ended; every request under way was answered")
