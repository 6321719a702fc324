"""How much of the chip's peak the gradient of an update reaches, by groups and plainly, for one policy of random weights.

    python benchmarks/gpu_update.py qwen2-1.5b OUT.json

Only the passes are measured, all weights trained: no optimiser, no rollout, nothing read from disk. The first pass of each
way warms up. Where memory is not enough, half as many prompts are taken.
"""

import argparse
import json
import logging
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chip_peak import bfloat16_peak, device_facts
from floor_counts import Workload, shape_of, update
from gpu_policy import SHAPES, make_model

logger = logging.getLogger(__name__)

WAYS = ("grouped", "plain")


@dataclass(frozen=True)
class Size:
    """What a pass is about."""

    prompts: int
    """Prompts."""
    prompt_tokens: int
    """Length of each."""
    response_tokens: int
    """Longest response; lengths are spread evenly from half of it."""
    generations: int = 8
    """Responses to each prompt."""

    @property
    def work(self) -> Workload:
        """The same as the counts of operations take it."""
        return Workload(
            num_prompts=self.prompts,
            num_generations=self.generations,
            prompt_tokens=self.prompt_tokens,
            response_tokens=sum(self.lengths) / len(self.lengths),
            longest_response=max(self.lengths),
        )

    @property
    def lengths(self) -> list[int]:
        """Of the responses."""
        count = self.prompts * self.generations
        half = self.response_tokens / 2
        return [round(half + half * (place + 1) / count) for place in range(count)]


def make_rows(size: Size, vocabulary: int) -> Any:
    """Draw prompts and responses.

    Args:
        size: Their number and lengths.
        vocabulary: Tokens of the policy.

    Returns:
        ``rlsr.engines.trl.padded.Responses``; responses of all lengths in each group.
    """
    from rlsr.engines.trl.padded import Responses

    rng = random.Random(0)

    def draw(length: int) -> list[int]:
        return [rng.randrange(3, vocabulary) for _ in range(length)]

    prompts = [tuple(draw(size.prompt_tokens)) for _ in range(size.prompts)]
    responses = [draw(length) for length in size.lengths]
    return Responses.of(prompts * size.generations, responses)


def measure(model: Any, rows: Any, way: str, num_passes: int) -> dict[str, Any]:
    """Time passes forward and backward.

    Args:
        model: The policy.
        rows: What ``make_rows`` has drawn.
        way: Of ``WAYS``.
        num_passes: Measured ones, after one that is not.

    Returns:
        Seconds of each pass, the norm of its gradient, the sum of the log-probabilities, and the peak of memory in gigabytes.
    """
    import torch

    from rlsr.engines.trl.passes import score_groups, score_padded

    score: Callable[..., Any] = score_groups if way == "grouped" else score_padded
    on_gpu = model.device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    seconds, norm, total = [], 0.0, 0.0
    for _ in range(num_passes + 1):
        model.zero_grad(set_to_none=True)
        _wait(on_gpu)
        started = time.perf_counter()
        log_probs = score(model, rows, temperature=1.0, with_entropy=False).log_probs
        log_probs.float().sum().div(sum(rows.response_lengths)).backward()
        _wait(on_gpu)
        seconds.append(time.perf_counter() - started)
        total = float(log_probs.detach().float().sum())
        norms = torch._foreach_norm([w.grad for w in model.parameters() if w.grad is not None])
        norm = float(torch.stack([value.float() for value in norms]).norm())
    model.zero_grad(set_to_none=True)
    return {
        "seconds": seconds[1:],
        "gradient_norm": norm,
        "log_prob_sum": total,
        "peak_gpu_gb": torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None,
    }


def measure_fitting(model: Any, size: Size, way: str, num_passes: int) -> dict[str, Any]:
    """Measure with as many prompts as memory allows.

    Args:
        model: The policy.
        size: What is tried first.
        way: Of ``WAYS``.
        num_passes: As for ``measure``.

    Returns:
        What ``measure`` returns, with prompts, tokens, operations and operations a second.

    Raises:
        torch.OutOfMemoryError: One prompt with its responses is too much.
    """
    import torch

    while True:
        try:
            found = measure(model, make_rows(size, model.config.vocab_size), way, num_passes)
            break
        except torch.OutOfMemoryError:
            if size.prompts == 1:
                raise
        # Outside of the handler, whose traceback holds on to tensors.
        model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        size = Size(size.prompts // 2, size.prompt_tokens, size.response_tokens, size.generations)
    operations = sum(
        update(shape_of(model.config.to_dict()), size.work, None)[0].operations.values()
    )
    fastest = min(found["seconds"])
    return {
        **found,
        "prompts": size.prompts,
        "tokens": size.prompts * size.prompt_tokens + sum(size.lengths),
        "operations": operations,
        "operations_per_second": operations / fastest,
    }


def run(name: str, size: Size, num_passes: int) -> dict[str, Any]:
    """Measure both ways.

    Args:
        name: Of ``gpu_policy.SHAPES``.
        size: What is tried first.
        num_passes: As for ``measure``.

    Returns:
        A JSON-ready table; a way that fails has its error in place of figures.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    facts = device_facts(device)
    peak = bfloat16_peak(facts["name"])
    model = make_model(name, device).train()
    ways: dict[str, Any] = {}
    for way in WAYS:
        try:
            found = measure_fitting(model, size, way, num_passes)
        except torch.OutOfMemoryError as error:
            ways[way] = {"error": str(error).split(".")[0]}
            continue
        share = None if peak is None else found["operations_per_second"] / peak
        ways[way] = {**found, "share_of_peak": share}
        logger.info("%s, %s: %s", name, way, ways[way])
    return {"policy": name, "device": facts, "peak": peak, "generations": size.generations, "prompt_tokens": size.prompt_tokens, "ways": ways}  # fmt: skip


def _wait(on_gpu: bool) -> None:
    if on_gpu:
        import torch

        torch.cuda.synchronize()


def main() -> None:
    """Measure what the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("policy", choices=SHAPES)
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--prompt-tokens", type=int, default=512)
    parser.add_argument("--response-tokens", type=int, default=512)
    parser.add_argument("--passes", type=int, default=3, help="measured, after one that is not")
    arguments = parser.parse_args()
    size = Size(arguments.prompts, arguments.prompt_tokens, arguments.response_tokens)
    table = run(arguments.policy, size, arguments.passes)
    arguments.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    if any("error" in found for found in table["ways"].values()):
        sys.exit("a way did not fit into memory")


if __name__ == "__main__":
    main()
