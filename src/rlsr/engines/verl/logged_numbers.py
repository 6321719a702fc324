"""What becomes of the numbers that verl logs after a step: some have a name of ours, those of ours again are left out."""

from collections.abc import Mapping

from rlsr.runs.step_metrics import (
    ENTROPY,
    GRADIENT_NORM,
    KL,
    LOSS,
    STEP_PHASES,
    STEP_SECONDS,
)

NAMES = {
    "actor/loss": LOSS,
    "actor/grad_norm": GRADIENT_NORM,
    "actor/kl_loss": KL,
    "actor/entropy": ENTROPY,
    "actor/label_loss": "optim/label_loss",
    "actor/label_nll": "optim/label_nll",
    "actor/label_weight": "optim/label_weight",
    "actor/perf/max_memory_allocated_gb": "memory/peak_gpu_gb",
    "timing_s/step": STEP_SECONDS,
    "timing_s/gen": f"time/{STEP_PHASES[0]}",
    "timing_s/ref": f"time/{STEP_PHASES[2]}",
    "timing_s/update_actor": f"time/{STEP_PHASES[3]}",
}
"""verl's names of numbers that have a name of ours. Its loss is without the responses that teach nothing, as ours."""

LEFT_OUT = {
    "actor/lr": "is that of the step behind it",
    "critic/": "scores and advantages, which rlsr has from the responses",
    "global_seqlen/": "lengths, likewise",
    "num_turns/": "there is one turn",
    "perf/time_per_step": "is time/step",
    "perf/total_num_tokens": "is in tokens/total",
    "prompt_length/": "lengths, likewise",
    "response_length": "lengths, likewise",
    "timing_per_token_ms/": "follows from the times and the lengths",
    "training/": "steps, turns and how old the responses are, which is no step here; but see KEPT",
}
"""What the names of numbers begin with that are left out, and why. No other number is."""

KEPT = "training/rollout_"
"""How far the probabilities of what writes the responses are from those of the policy that is updated."""

OTHERS = "verl/"
"""What the names of all other numbers begin with."""


def logged_numbers(logs: Mapping[str, float | None]) -> dict[str, float | None]:
    """Name the numbers of a step as ``metrics.jsonl`` does.

    Args:
        logs: What verl logged.

    Returns:
        Every number by its column; None of what is not finite.
    """
    return {
        NAMES.get(name, f"{OTHERS}{name}"): value
        for name, value in logs.items()
        if name.startswith(KEPT) or not name.startswith(tuple(LEFT_OUT))
    }
