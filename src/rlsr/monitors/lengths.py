"""How long responses are, beside their references and beside what they were."""

import math
from functools import partial

from rlsr.monitors.monitor import Monitor, Rows
from rlsr.monitors.window import beginning, recent
from rlsr.runs.step_metrics import REFERENCE_LENGTH, RESPONSE_LENGTH, SHARE_CUT


def times_off(rows: Rows) -> float | None:
    """Say how many times as long, or as short, as the references the last responses are.

    Args:
        rows: Of a run.

    Returns:
        At least 1; None where there is nothing to compare.
    """
    return _times(recent(rows, RESPONSE_LENGTH), recent(rows, REFERENCE_LENGTH))


def drift(rows: Rows) -> float | None:
    """Say how much farther from the references' length the last responses are than the first ones were.

    Args:
        rows: Of a run.

    Returns:
        A factor; below 1 where they have come nearer. None where there is nothing to compare.
    """
    first = _times(beginning(rows, RESPONSE_LENGTH), beginning(rows, REFERENCE_LENGTH))
    last = times_off(rows)
    return None if first is None or last is None else last / first


def _times(response: float | None, reference: float | None) -> float | None:
    if response is None or not reference:
        return None
    return math.inf if response == 0 else max(response / reference, reference / response)


MONITORS = (
    Monitor(
        "cut",
        partial(recent, name=SHARE_CUT),
        warn=0.3,
        alarm=0.5,
        found="{:.0%} of the last responses were cut at method.max_response_tokens",
        meaning="share of the responses that reached the maximum length (`tokens/share_cut`)",
        reason="healthy runs after SFT have 0 to 20 %; where more are cut than not, the policy forgets how to end: a run that "
        "passed 50 % in training was cut in 59 % of its held-out answers",
        way_out="more SFT before teaches answers to end, a lower method.temperature rambles less, and method.advantage.cut=at_most_mean lets no cut response pay; if references are longer, raise method.max_response_tokens",
        is_about_ends=True,
    ),
    Monitor(
        "length",
        times_off,
        warn=2.0,
        alarm=4.0,
        found="the last responses are {:.1f} times longer or shorter than their references",
        meaning="how many times as long as the references the responses are, or as short (`length/response`, `length/reference`)",
        reason="healthy runs stay below 1.5; at twice the length an answer is another kind of answer",
        way_out="look at samples/: the reward may pay for length, or the policy may not end",
    ),
    Monitor(
        "length_drift",
        drift,
        warn=1.5,
        alarm=2.5,
        found="the last responses are {:.1f} times farther from the length of their references than the first ones",
        meaning="how many times farther from the references' length the responses are than they were in the first steps",
        reason="healthy runs stay below 1.3, as prompts differ; what drifts by half has not stopped there",
        way_out="look at samples/, and lower training.learning_rate; rlsr audit shows whether the reward pays for length",
    ),
)
"""In the order in which they are shown."""
