"""The reward server under load on this machine, against the same rows scored by direct batched calls.

python benchmarks/serve_load.py --out benchmarks/results/serve-load.json

Clients ask about one response at a time, as trainers do that score sample by sample, or about the responses to one prompt, and wait for
the answer before they ask again.
Server and clients are two processes; with one core for all, what the clients cost counts against the server. Both ways take turns, a part
of the rows at a time, so that whatever else the machine does meets both; processor time does not depend on that.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rlsr.cli.main import prepare_environment
from rlsr.config import load_config
from rlsr.config.data import DataConfig
from rlsr.data import load_dataset
from rlsr.data.answered import read_answered
from rlsr.rewards import Reward, open_reward
from rlsr.runs.provenance import processor_name
from rlsr.serving.service import score_rows

Row = dict[str, Any]

TOLERANCE = 1e-4
"""Encoders pad texts to the longest of a call, which moves a cosine in the last digits of float32."""
WORKLOADS: dict[str, tuple[int, list[str]]] = {
    "wordllama, blend, 8 rows a request": (8, []),
    "wordllama, blend, 1 row a request": (1, []),
    "minilm, cosine, 1 row a request": (
        1,
        ["embedding=builtin:minilm", "reward.similarity.variant=cosine"],
    ),
}
"""By name the rows of a request and the settings of the reward."""


def make_rows(number: int) -> list[Row]:
    """Make rows whose responses all differ: sentences of one reference among those of another.

    Args:
        number: How many.
    """
    rng = random.Random(0)
    records = load_dataset(DataConfig(path="builtin:instructions")).train
    rows = []
    for place in range(number):
        record, other = records[place % len(records)], rng.choice(records)
        words = f"{record.reference} {other.reference}".split()
        start = rng.randrange(max(len(words) - 60, 1))
        response = f"{place}: {' '.join(words[start : start + rng.randint(20, 100)])}"
        rows.append({"prompt": record.prompt, "response": response, "reference": record.reference})
    return rows


def score_directly(reward: Reward, rows: Sequence[Row], batch: int) -> list[float | None]:
    """Score rows by calls of the reward, a batch at a time.

    Args:
        reward: It scores.
        rows: What is scored.
        batch: Rows of a call.
    """
    found = []
    for start in range(0, len(rows), batch):
        read = [
            read_answered(row, f"row {place}")
            for place, row in enumerate(rows[start : start + batch])
        ]
        found += [one.score for one in score_rows(reward, read)]
    return found


async def ask_all(
    address: str, rows: Sequence[Row], num_clients: int, size: int = 1
) -> list[float | None]:
    """Ask a server about rows, from many clients at once.

    Args:
        address: Of the server.
        rows: What is asked about.
        num_clients: How many ask, each over a connection of its own.
        size: Rows of a request.

    Returns:
        The scores, in the order of the rows.
    """
    host, port = urlsplit(address).hostname, urlsplit(address).port
    found: list[float | None] = [None] * len(rows)
    waiting = iter(range(0, len(rows), size))

    async def client() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for start in waiting:
            body = json.dumps({"rows": rows[start : start + size]}).encode()
            head = f"POST /v1/score HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await _read_answer(reader)
            for place, scored in enumerate(answer["rows"], start=start):
                found[place] = scored["score"]
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(num_clients)))
    return found


async def _read_answer(reader: asyncio.StreamReader) -> Any:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, _, fields = head.partition("\r\n")
    if " 200 " not in status:
        raise RuntimeError(status)
    lengths = [line for line in fields.splitlines() if line.lower().startswith("content-length:")]
    return json.loads(await reader.readexactly(int(lengths[0].partition(":")[2])))


@contextmanager
def serving(settings: Sequence[str], *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a server in a process of its own.

    Args:
        settings: Of its config.
        options: Of its command line.

    Yields:
        Its address and its process, which is asked to end afterwards and must do so by itself.
    """
    command = [sys.executable, "-m", "rlsr.cli.main", "serve-reward", "--port", "0"]
    with subprocess.Popen(
        [*command, *options, *settings], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("http"):
                raise RuntimeError(f"the server has not begun: {line}")
            yield line.split()[0], process
        finally:
            process.terminate()
            process.wait(300)
    if process.returncode:
        raise RuntimeError(f"the server ended with {process.returncode}")


def measure(
    settings: Sequence[str],
    rows: Sequence[Row],
    clients: int,
    *,
    batch: int,
    turns: int,
    size: int = 1,
) -> dict[str, Any]:
    """Score rows directly and over HTTP in turns, after one turn of both that is not counted.

    Args:
        settings: Of the config.
        rows: What is scored.
        clients: How many ask at once.
        batch: Most rows of a call, direct or of the server.
        turns: Parts that the rows are scored in.
        size: Rows of a request.

    Returns:
        Counts, seconds and processor seconds of both ways, and what the server's throughput is of the direct one.
    """
    length = -(-len(rows) // (turns * size)) * size
    parts = [rows[start : start + length] for start in range(0, len(rows), length)]
    expected: list[float | None] = []
    found: list[float | None] = []
    spent = dict.fromkeys(("direct", "served", "direct_cpu", "server_cpu", "clients_cpu"), 0.0)
    with (
        closing(open_reward(load_config(overrides=settings), "cpu")) as reward,
        serving(settings, "--max-rows", str(batch)) as (address, server),
    ):
        score_directly(reward, parts[0], batch)
        asyncio.run(ask_all(address, parts[0], clients, size))
        for part in parts:
            before = _clock(server.pid)
            expected += score_directly(reward, part, batch)
            between = _clock(server.pid)
            found += asyncio.run(ask_all(address, part, clients, size))
            after = _clock(server.pid)
            spent["direct"] += between[0] - before[0]
            spent["direct_cpu"] += between[1] - before[1]
            spent["served"] += after[0] - between[0]
            spent["clients_cpu"] += after[1] - between[1]
            spent["server_cpu"] += after[2] - between[2]
    return {
        "requests": sum(-(-len(part) // size) for part in parts),
        "rows": len(found),
        "lost": sum(one is None for one in found),
        "mismatched": sum(not _same(*pair) for pair in zip(expected, found, strict=True)),
        "distinct_scores": len({round(one or 0, 4) for one in expected}),
        **{f"{name}_seconds": round(seconds, 2) for name, seconds in spent.items()},
        "share_of_direct": round(spent["direct"] / spent["served"], 3),
        "share_of_direct_cpu": round(spent["direct_cpu"] / spent["server_cpu"], 3),
    }


def _clock(server: int) -> tuple[float, float, float]:
    """Read the time, and the processor time of this process and of the server."""
    import psutil

    times = psutil.Process(server).cpu_times()
    return time.perf_counter(), time.process_time(), times.user + times.system


def _same(expected: float | None, found: float | None) -> bool:
    if expected is None or found is None:
        return expected is found
    return abs(expected - found) <= TOLERANCE


def main() -> None:
    """Measure, print a Markdown table and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--workload", choices=list(WORKLOADS), action="append")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    prepare_environment()
    sys.stdout.write(
        "| reward | requests | lost | mismatched | throughput of direct | the same by processor time of the server |\n|---|---|---|---|---|---|\n"
    )
    measured = {}
    for name in asked.workload or WORKLOADS:
        size, settings = WORKLOADS[name]
        one = measure(
            settings,
            make_rows(asked.requests * size),
            asked.clients,
            batch=asked.batch,
            turns=asked.turns,
            size=size,
        )
        measured[name] = one
        sys.stdout.write(
            f"| {name} | {one['requests']:,} | {one['lost']} | {one['mismatched']} | {one['share_of_direct']:.0%} | "
            f"{one['share_of_direct_cpu']:.0%} |\n"
        )
        if asked.out is not None:
            _keep(asked.out, measured, asked.clients, asked.batch)


def _keep(out: Path, measured: dict[str, Any], clients: int, batch: int) -> None:
    """Write what was measured beside what the file has of other workloads."""
    kept = json.loads(out.read_text())["workloads"] if out.exists() else {}
    setting = {
        "clients": clients,
        "rows_a_call": batch,
        "machine": f"{os.cpu_count()} cores {processor_name()}, no GPU, beside other work",
        "tolerance": TOLERANCE,
    }
    out.write_text(json.dumps({**setting, "workloads": {**kept, **measured}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
