"""``rlsr export`` writes a trained model as others use it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from rlsr.cli.terminal import open_console
from rlsr.errors import ConfigError
from rlsr.processes import require_one_process

if TYPE_CHECKING:
    from rlsr.export.plan import ExportPlan


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A run, or stages, of which the last one's model is taken."
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="The directory that is made.", show_default=False)
    ],
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge adapters into their base model.")
    ] = False,
    dtype: Annotated[
        Literal["bfloat16", "float16", "float32"] | None,
        typer.Option(help="Type of the weights; as the run has saved them if not given."),
    ] = None,
    gguf: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.gguf",
            help="Write a GGUF file, too, by llama.cpp's converter (on PATH, or in the directory LLAMA_CPP).",
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME", help="Upload it to this repository on the Hugging Face hub."
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Nobody else may see the repository.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace DIR, where it is an export, and nothing was added to it."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List files and sizes, and write and upload nothing.")
    ] = False,
) -> None:
    """Write a run's model for transformers, peft, vLLM, llama.cpp or the hub, with a card of what was measured."""
    require_one_process("rlsr export")
    if private and push is None:
        raise ConfigError(
            "--private: says who sees what is pushed, and nothing is; add --push ORG/NAME, or leave it out"
        )
    console = open_console()
    # Late: a wrong argument should be answered before torch is imported.
    from rlsr.export.gguf import find_converter, write_gguf
    from rlsr.export.marker import exported_files
    from rlsr.export.plan import plan_export
    from rlsr.export.push import push as upload
    from rlsr.export.push import require_hub, require_repository, require_token
    from rlsr.export.write import write_export

    if push is not None:
        require_repository(push)
    plan = plan_export(run, to, merge=merge, dtype=dtype, overwrite=overwrite)
    converter = None
    if gguf is not None:
        _require_gguf(plan, gguf)
        converter = find_converter()
    if merge and plan.form == "whole":
        console.print("--merge: there is nothing to merge, the weights are whole")
    _show_plan(console, plan, gguf, push, private=private)
    if dry_run:
        console.print("nothing was written (--dry-run)")
        return
    token = None
    if push is not None:
        token = require_token()
        require_hub()
    for notice in write_export(plan, name=push):
        console.print(f"warning: {notice}", style="yellow")
    _show_uses(console, plan)
    if gguf is not None and converter is not None:
        console.print("converting to GGUF ...")
        write_gguf(converter, to, gguf, plan.dtype)
        console.print(
            f"GGUF: {gguf} ({_size(gguf.stat().st_size)}); smaller: llama-quantize {gguf} OUT.gguf Q4_K_M"
        )
    if push is not None and token is not None:
        console.print(f"uploading {_size(plan.num_bytes)} to {push} ...")
        place = upload(to, push, exported_files(to), private=private, token=token)
        console.print(f"pushed: {place}")


def _require_gguf(plan: "ExportPlan", file: Path) -> None:
    """Refuse a GGUF file of what has no such form, or where it would replace something."""
    if not plan.is_whole:
        raise ConfigError("--gguf: takes a whole model, and the run has left adapters; add --merge")
    if plan.makes == "scorer":
        raise ConfigError(
            "--gguf: is for models that write, and this one scores answers; leave it out"
        )
    if file.resolve().is_relative_to(plan.target.resolve()):
        raise ConfigError(
            f"--gguf: must lie outside of {plan.target}, which is made whole at once, got {file}; name another file"
        )
    if file.exists():
        raise ConfigError(
            f"--gguf: {file} exists already, and nothing is overwritten; name another file"
        )
    if not file.parent.is_dir():
        raise ConfigError(
            f"--gguf: the directory {file.parent} must be there; make it, or name another file"
        )


def _show_plan(
    console: Console, plan: "ExportPlan", gguf: Path | None, push: str | None, *, private: bool
) -> None:
    base = "" if plan.adapters is None else f" on {plan.adapters.base.name}"
    what = {
        "whole": "all weights",
        "adapters": f"adapters{base}",
        "merged": f"adapters{base}, merged",
    }[plan.form]
    console.print(f"{plan.trained.directory}: {what}, in {plan.dtype}")
    for name, size in plan.files:
        console.print(f"  {_size(size):>10}  {name}")
    console.print(
        f"  {_size(plan.num_bytes):>10}  with a card and a list of files to {plan.target}"
    )
    if gguf is not None:
        console.print(f"then as GGUF to {gguf}")
    if push is not None:
        console.print(
            f"then to {push} on the hub, {'which nobody else sees' if private else 'for everybody to see unless the repository is private'}"
        )


def _show_uses(console: Console, plan: "ExportPlan") -> None:
    console.print(
        f"exported: {plan.target} (its README.md has the numbers, and lines that load it)"
    )
    if plan.makes == "scorer":
        console.print(
            f"  as a reward: rlsr train --data FILE reward=preference_model reward.model={plan.target}"
        )
        return
    if plan.adapters is not None and plan.form == "adapters":
        rank = _vllm_rank(plan.adapters.rank or 0)
        console.print(
            f"  to serve: vllm serve {plan.adapters.base.name} --enable-lora {rank}--lora-modules {plan.target.name}={plan.target}"
        )
    else:
        console.print(f"  to serve: vllm serve {plan.target}")
    console.print(f"  to talk:  rlsr chat {plan.target}")


def _vllm_rank(rank: int) -> str:
    """Say which rank vLLM has to allow, where it is not its own."""
    own, *larger = (16, 32, 64, 128, 256, 320, 512)
    allowed = next((one for one in larger if one >= rank), None)
    return "" if rank <= own or allowed is None else f"--max-lora-rank {allowed} "


def _size(num_bytes: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:.1f} {unit}"
    return f"{num_bytes} bytes"
