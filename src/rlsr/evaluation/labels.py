"""What held-out metrics are called where people read them, and which way is better."""

from collections.abc import Mapping
from typing import Literal

Better = Literal["higher", "lower", "near_one"]

LABELS: Mapping[str, str] = {
    "reward": "the reward, without its rules",
    "similarity": "similarity by the reward's encoder",
    "logic": "logic similarity",
    "parsed": "share that is a formula",
    "equivalent": "share equivalent to the reference, by proof",
    "independent_similarity": "similarity by an independent encoder",
    "chrf": "chrF",
    "bleu": "BLEU",
    "length_ratio": "length / reference length",
    "repetition": "share that breaks the repetition rule",
    "cut": "share cut at the maximum length",
}

BETTER: Mapping[str, Better] = {
    "reward": "higher",
    "similarity": "higher",
    "logic": "higher",
    "parsed": "higher",
    "equivalent": "higher",
    "independent_similarity": "higher",
    "chrf": "higher",
    "bleu": "higher",
    "length_ratio": "near_one",
    "repetition": "lower",
    "cut": "lower",
}


def label(name: str) -> str:
    """Name a metric in words.

    Args:
        name: As in the scores of an evaluation.

    Returns:
        Its words; the name itself where there are none.
    """
    return LABELS.get(name, name)


def digits(name: str) -> int:
    """Say how many decimals a metric is written with.

    Args:
        name: As in the scores of an evaluation.

    Returns:
        1 for scores out of 100, else 3.
    """
    return 1 if name in {"chrf", "bleu"} else 3
