"""What runs that began with the same SFT have in common: their weights' ways from it, and policies in between and beyond.

python benchmarks/weight_mixes.py SFT RUN... prints the cosines between the ways from SFT to each run. With ``--to DIR`` it writes the
policy SFT + away * mean(RUN - SFT), which ``rlsr evaluate`` measures; ``--away`` is 1 where not given, the mean of the runs.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

Weights = dict[str, torch.Tensor]
WEIGHTS = "model.safetensors"
OF_OTHER_WEIGHTS = (WEIGHTS, "checksums.json", "README.md")


def main() -> None:
    """Print cosines, and write a mix where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sft", type=Path, help="directory of a model")
    parser.add_argument("runs", nargs="+", type=Path, help="directories of models")
    parser.add_argument("--away", type=float, default=1.0)
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args()
    sft = load_file(asked.sft / WEIGHTS)
    ways = [_way(sft, load_file(run / WEIGHTS)) for run in asked.runs]
    for (one, way), (other, second) in combinations(zip(asked.runs, ways, strict=True), 2):
        sys.stdout.write(f"{one} and {other}: cosine {cosine(way, second):+.3f}\n")
    if asked.to:
        shutil.copytree(asked.sft, asked.to, ignore=shutil.ignore_patterns(*OF_OTHER_WEIGHTS))
        save_file(mixed(sft, ways, asked.away), asked.to / WEIGHTS, metadata={"format": "pt"})
        sys.stdout.write(f"wrote {asked.to}\n")


def _way(start: Weights, end: Weights) -> Weights:
    return {name: end[name].float() - weight.float() for name, weight in start.items()}


def cosine(one: Weights, other: Weights) -> float:
    """Compare the directions of two ways, over all weights together."""
    return _dot(one, other) / (_dot(one, one) * _dot(other, other)) ** 0.5


def _dot(one: Weights, other: Weights) -> float:
    return sum(float((one[name].double() * other[name]).sum()) for name in one)


def mixed(start: Weights, ways: Sequence[Weights], away: float) -> Weights:
    """Go so far along the mean of the ways, 1 being the mean of their ends; weights keep their type."""
    return {
        name: (weight.float() + away * sum(way[name] for way in ways) / len(ways))
        .to(weight.dtype)
        .contiguous()
        for name, weight in start.items()
    }


if __name__ == "__main__":
    main()
