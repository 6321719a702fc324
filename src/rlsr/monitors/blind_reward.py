"""The reward did not see, or could not score, what the policy wrote."""

import statistics

from rlsr.monitors.monitor import Rows
from rlsr.runs.step_metrics import CUT_BY_ENCODER, UNSCORED, UNTRANSLATED
from rlsr.runs.step_totals import scored


def cut_by_encoder(rows: Rows) -> str | None:
    """Find texts that the encoder read only the beginning of.

    Args:
        rows: Of a run.

    Returns:
        How many; None where there were none.
    """
    shares = scored(rows, CUT_BY_ENCODER)
    if not any(shares):
        return None
    return (
        f"{statistics.fmean(shares):.1%} of the texts were longer than the encoder reads (embedding.max_tokens): "
        "the reward did not see their ends"
    )


def unscored(rows: Rows) -> str | None:
    """Find responses without a score.

    Args:
        rows: Of a run.

    Returns:
        How many; None where there were none.
    """
    count = sum(scored(rows, UNSCORED))
    return f"{count:.0f} responses could not be scored and taught nothing" if count else None


def untranslated(rows: Rows) -> str | None:
    """Find responses that a reward of formulas could not have translated.

    Args:
        rows: Of a run.

    Returns:
        How many; None where there were none.
    """
    shares = scored(rows, UNTRANSLATED)
    if not any(shares):
        return None
    return (
        f"{statistics.fmean(shares):.1%} of the responses were left unscored since they or their references could not be "
        "translated"
    )
