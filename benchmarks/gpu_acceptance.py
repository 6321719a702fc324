"""Everything that is to be known of rlsr on a GPU, in one call of under nine minutes; gpu_acceptance.sh prepares the packages.

    benchmarks/gpu_acceptance.sh --out DIR                     one H100 or H200
    benchmarks/gpu_acceptance.sh --out DIR --parts step-qwen2-7b
    benchmarks/gpu_acceptance.sh --out DIR --tiny              the same with small sizes, on a CPU too

Runs in parts, each with a time limit and processes of its own, so that one that fails costs no other. DIR/acceptance.json has
all that was measured and DIR/acceptance.md the tables, both written anew after each part. Ends with 1 where a part failed.
"""

import argparse
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gpu_tables import collect, machine_facts, markdown
from step_record import write_json

from rlsr.packages import package_directory

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
SECONDS = 520
"""What all parts together may take, so that under nine minutes it is with what comes before and after."""
_LEAST = 10
"""Seconds with which no further part is begun."""
_SHOWN_LINES = 40
_DEVICE = "device"


@dataclass(frozen=True)
class Part:
    """Commands that are about one thing."""

    name: str
    """As ``--parts`` names it."""
    limit_s: float
    """Seconds that it may take."""
    commands: tuple[tuple[str, ...], ...]
    """Arguments of Python, run one after the other; one that fails does not stop the next."""


@dataclass(frozen=True)
class Outcome:
    """How a part ended."""

    name: str
    """Of the part."""
    status: str
    """``ok``, ``failed``, ``over its limit`` or ``no time left``."""
    seconds: float
    """That it took."""
    log: str = ""
    """Last lines of what it said, where it is not ok."""


@dataclass(frozen=True)
class Sizes:
    """What is measured, large or tiny."""

    updates: tuple[str, ...]
    """Policies whose gradient is measured."""
    steps: Mapping[str, tuple[str, ...]]
    """Policies whose step is measured, each with its own options of step_time.py."""
    encoder: str
    """Encoder of the reward."""
    update: tuple[str, ...]
    """Options of gpu_update.py."""
    step: tuple[str, ...]
    """Options of step_time.py for all of them."""
    tests: tuple[str, ...]
    """Which tests."""
    device: tuple[str, ...]
    """Options of chip_peak.py."""
    patience: float = 1.0
    """Factor of the time limits."""


FULL = Sizes(
    updates=("qwen2-1.5b", "qwen2-7b"),
    steps={
        "smollm2-135m": ("--prompts-per-step", "16", "--steps", "2"),
        "qwen2-1.5b": ("--prompts-per-step", "8", "--steps", "2"),
        "qwen2-7b": ("--prompts-per-step", "4", "--steps", "1"),
    },
    encoder="encoder",
    update=("--prompts", "4", "--prompt-tokens", "512", "--response-tokens", "512"),
    step=("--settings", "lora-512-natural", "--response-tokens", "192"),
    tests=("-m", "gpu"),
    device=("--require-cuda",),
)  # fmt: skip
TINY = Sizes(
    updates=("tiny",),
    steps={"tiny": ("--prompts-per-step", "2", "--steps", "1")},
    encoder="tiny-encoder",
    update=(
        "--prompts", "2", "--prompt-tokens", "16", "--response-tokens", "12", "--passes", "1",
    ),
    step=("--settings", "lora-40-natural", "--response-tokens", "8"),
    tests=("-m", "not slow and not gpu", "-k", "on_a_device"),
    device=(),
    patience=10.0,
)  # fmt: skip


def make_parts(sizes: Sizes, scratch: Path, *, policy: str | None, device: str) -> list[Part]:
    """List what is to be done, the most important first.

    Args:
        sizes: How large.
        scratch: Where inputs and results lie.
        policy: A directory that takes the place of the first policy of ``sizes.steps``, with real weights.
        device: Where random weights are drawn.

    Returns:
        The parts; the first is about the device and must not fail.
    """
    make = str(HERE / "gpu_policy.py")
    encoder = str(scratch / "encoder")
    tests = [str(HERE.parent / "tests" / name) for name in ("invariant/test_devices.py", "e2e/test_gpu.py")]  # fmt: skip
    pytest = (
        "-m",
        "pytest",
        "-q",
        "-rfEs",
        "-W",
        "default",
        *sizes.tests,
        f"--junitxml={scratch / 'tests.xml'}",
    )

    def limit(seconds: float) -> float:
        return seconds * sizes.patience

    parts = [
        Part(_DEVICE, limit(60), ((str(HERE / "chip_peak.py"), str(scratch / "device.json"), *sizes.device),)),
        Part("tests", limit(110), ((*pytest, *tests),)),
        *(
            Part(
                f"update-{name}",
                limit(60),
                ((str(HERE / "gpu_update.py"), name, str(scratch / f"update-{name}.json"), *sizes.update),),
            )
            for name in sizes.updates
        ),
        Part("encoder", limit(45), ((make, sizes.encoder, encoder),)),
    ]  # fmt: skip
    for place, (name, own) in enumerate(sizes.steps.items()):
        given = policy if place == 0 else None
        model = given or str(scratch / "policies" / name)
        making = () if given else ((make, name, model, "--device", device),)
        out = str(scratch / f"step-{name}")
        # What rlsr's own process has measured is kept for the calls after the first.
        measuring = [
            (
                str(HERE / "step_time.py"), "--rounds", "1", "--sides", f"rlsr,{side}", "--model", model, "--encoder", encoder,
                "--out", out, *sizes.step, *own,
            )
            for side in _others()
        ]  # fmt: skip
        parts.append(Part(f"step-{name}", limit(150), (*making, *measuring)))
    return parts


def _others() -> list[str]:
    """Name what rlsr is compared with in the step benchmark, with vLLM where it is installed."""
    vllm = ["trl-vllm", "rlsr-vllm"] if package_directory("vllm") else []
    return [*vllm, "trl"]


def run_part(
    part: Part, log: Path, *, seconds_left: float, environment: Mapping[str, str]
) -> Outcome:
    """Run the commands of a part, and end all of its processes when its time is over.

    Args:
        part: What to run.
        log: File for what it says.
        seconds_left: Of all parts together.
        environment: Of the commands.

    Returns:
        How it ended.
    """
    if seconds_left < _LEAST:
        return Outcome(part.name, "no time left", 0.0)
    started = time.monotonic()
    end = started + min(part.limit_s, seconds_left)
    with log.open("wb") as output:
        ended = [
            _run_command(command, output.fileno(), end, environment) for command in part.commands
        ]
    status = next((status for status in ended if status != "ok"), "ok")
    lines = [] if status == "ok" else log.read_text("utf-8", "replace").splitlines()
    seconds = time.monotonic() - started
    return Outcome(part.name, status, seconds, "\n".join(lines[-_SHOWN_LINES:]))


def _run_command(
    command: Sequence[str], output: int, end: float, environment: Mapping[str, str]
) -> str:
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    try:
        code = process.wait(timeout=max(end - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "over its limit"
    return "ok" if code == 0 else "failed"


def run_parts(parts: Sequence[Part], scratch: Path, out: Path, seconds: float) -> list[Outcome]:
    """Run parts and keep what is known after each.

    Args:
        parts: What to run; nothing follows a failure of the one about the device.
        scratch: Where they leave their results.
        out: Directory of the tables.
        seconds: What they may take together.

    Returns:
        How each ended.
    """
    end = time.monotonic() + seconds
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    if "--require-cuda" in {word for part in parts for line in part.commands for word in line}:
        environment["RLSR_REQUIRE_GPU"] = "1"
    machine = machine_facts()
    outcomes: list[Outcome] = []
    for part in parts:
        left = end - time.monotonic()
        log = scratch / f"{part.name}.log"
        outcomes.append(run_part(part, log, seconds_left=left, environment=environment))
        logger.info("%s: %s, %.0f s", part.name, outcomes[-1].status, outcomes[-1].seconds)
        report = collect(scratch, machine, [asdict(outcome) for outcome in outcomes])
        write_json(report, out / "acceptance.json")
        (out / "acceptance.md").write_text(markdown(report), encoding="utf-8")
        if part.name == _DEVICE and outcomes[-1].status != "ok":
            logger.info("%s", outcomes[-1].log)
            break
    return outcomes


def main() -> None:
    """Run what the command line asks for."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    arguments = _parser().parse_args()
    sizes = TINY if arguments.tiny else FULL
    arguments.out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="rlsr-gpu-", dir=arguments.scratch))
    try:
        device = "cpu" if arguments.tiny else "cuda"
        parts = make_parts(sizes, scratch, policy=arguments.model, device=device)
        chosen = _chosen(parts, arguments.parts)
        outcomes = run_parts(chosen, scratch, arguments.out, arguments.seconds * sizes.patience)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    logger.info("%s", (arguments.out / "acceptance.md").read_text(encoding="utf-8"))
    bad = [outcome.name for outcome in outcomes if outcome.status != "ok"]
    sys.exit(f"not proven: {', '.join(bad)}" if bad else 0)


def _chosen(parts: Sequence[Part], names: str) -> list[Part]:
    """Take the named parts and what they need."""
    if names == "all":
        return [*parts]
    known = {part.name for part in parts}
    wanted = set(names.split(","))
    if wanted - known:
        unknown = ", ".join(sorted(wanted - known))
        sys.exit(f"--parts: no part {unknown}; there are {', '.join(p.name for p in parts)}")
    if any(name.startswith("step-") for name in wanted):
        wanted.add("encoder")
    return [part for part in parts if part.name in {_DEVICE, *wanted}]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="directory of the tables")
    parser.add_argument("--parts", default="all", help="names with commas between; default: all")
    parser.add_argument("--tiny", action="store_true", help="small sizes, on a CPU")
    parser.add_argument("--model", help="directory of SmolLM2-135M-Instruct, for real weights")
    parser.add_argument("--scratch", help="where policies are written, 16 GB; default: as TMPDIR")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of all parts together")
    return parser


if __name__ == "__main__":
    main()
