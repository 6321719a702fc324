"""What encoders are worth as rewards, as Markdown."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from quality_statistics import MEASURES, Resampled, bootstrap, interval, paired
from step_tables import table_head, table_row

REFERENCE = "MiniLM"
"""What all others are compared with."""
_SETS = ("gsm8k", "self_instruct", "vicuna", "truthfulqa", "arena")

Way = Literal["cosine", "blend"]


def tables(kept: dict[str, Any]) -> list[str]:
    """Write the tables: the encoders of all prompts, those of few prompts, and each set.

    Args:
        kept: What `encoders.py measure` wrote.
    """
    lines = []
    parts = {encoder["judged_on"] for encoder in kept["encoders"].values()}
    for judged_on in sorted(parts):
        lines += [_counted(kept["counts"][judged_on]), "", *_table(kept, judged_on), ""]
    return [*lines, *_by_set(kept)]


def _counted(counts: dict[str, int]) -> str:
    prompts = ", ".join(f"{name} {counts[name]}" for name in _SETS)
    return (
        f"Prompts: {prompts}, with {counts['answers']} answers; {counts['attacks']} attacks on {counts['attacked']} honest answers; "
        f"whitening fitted on {counts['fitted_on']} references of other prompts."
    )


def _table(kept: dict[str, Any], judged_on: str) -> Iterator[str]:
    yield from table_head(
        "encoder", "aim", "size", "pooling", "quality of the cosine", f"less {REFERENCE}'s", "core", "padding", "models",
        "quality of the blend", f"less {REFERENCE}'s",
    )  # fmt: skip
    least = kept["counts"][judged_on]
    for name, encoder in kept["encoders"].items():
        if judged_on == "all" and encoder["judged_on"] == "few":
            continue
        if judged_on == "few" and encoder["judged_on"] == "all" and name not in _BESIDE_THE_POLICY:
            continue
        cosine, blend = (_resampled(encoder, way, least) for way in ("cosine", "blend"))
        compared = kept["encoders"][REFERENCE]
        cosine_of, blend_of = (_resampled(compared, way, least) for way in ("cosine", "blend"))
        same = name == REFERENCE
        models = (
            _interval(encoder["cosine"]["models"]) if encoder["judged_on"] == judged_on else "-"
        )
        yield from table_row(
            name, encoder["aim"], encoder["size"], encoder["pooling"],
            str(interval(cosine["quality"])),
            "" if same else str(paired(cosine["quality"], cosine_of["quality"])),
            _shown(cosine, "core"), _shown(cosine, "padding"), models,
            str(interval(blend["quality"])),
            "" if same else str(paired(blend["quality"], blend_of["quality"])),
        )  # fmt: skip


_BESIDE_THE_POLICY = {"wordllama, 256", "MiniLM", "paraphrase-MiniLM"}


def _by_set(kept: dict[str, Any]) -> Iterator[str]:
    yield from table_head("cosine", *MEASURES)
    for name, encoder in kept["encoders"].items():
        found = _resampled(encoder, "cosine", kept["counts"][encoder["judged_on"]])
        yield from table_row(name, *(_value(found, measure) for measure in MEASURES))


def _resampled(encoder: dict[str, Any], way: Way, counts: dict[str, int]) -> dict[str, Resampled]:
    """Resample the first prompts of each set, as many as were judged on: the same for every encoder; what nothing was judged by is left out."""
    sizes = {
        **counts,
        **dict.fromkeys(("core", "padding"), counts["attacked"]),
        "facts": counts["attacked_in_facts"],
    }
    parts = encoder[way]["prompts"].items()
    return bootstrap(
        {name: np.array(values[: sizes[name]]) for name, values in parts if sizes[name]}
    )


def _shown(found: dict[str, Resampled], measure: str) -> str:
    return str(interval(found[measure])) if measure in found else "-"


def _value(found: dict[str, Resampled], measure: str) -> str:
    return f"{found[measure][0]:.3f}" if measure in found else "-"


def _interval(numbers: list[float]) -> str:
    value, low, high = numbers
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"
