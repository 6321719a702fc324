"""What the responses look like as texts: loops, copies of the prompt, and the same text again and again."""

from functools import partial

from rlsr.monitors.monitor import Monitor
from rlsr.monitors.window import recent
from rlsr.runs.step_metrics import ALIKE_ACROSS, ALIKE_WITHIN, COPIED, REPETITIVE

MONITORS = (
    Monitor(
        "repetition",
        partial(recent, name=REPETITIVE),
        warn=0.1,
        alarm=0.3,
        found="{:.0%} of the last responses say two fifths of themselves twice",
        meaning="share of the responses of which two fifths or more stand twice in them (`text/share_repetitive`)",
        reason="in healthy runs it is 0; a policy that has begun to loop gets to most of its responses within ten steps",
        way_out="look at samples/, lower training.learning_rate, or let reward.repetition penalise shorter passages",
    ),
    Monitor(
        "copied_prompt",
        partial(recent, name=COPIED),
        warn=0.2,
        alarm=0.5,
        found="{:.0%} of the last responses are mostly copied from their prompts",
        meaning="share of the responses half of which is one passage of the prompt, while no reference copies so "
        "(`text/share_copied`)",
        reason="healthy runs have up to 8 %; 30 % was met where a learning rate twice too high had halved the responses",
        way_out="look at samples/; rlsr audit shows what the reward gives for a copied prompt",
    ),
    Monitor(
        "alike_in_group",
        partial(recent, name=ALIKE_WITHIN),
        warn=0.5,
        alarm=0.9,
        found="{:.0%} of the pairs of responses to a prompt are nearly the same text",
        meaning="share of the pairs of responses to the same prompt of at least 20 characters that have 80 % of their 5-grams "
        "in common (`text/share_alike`)",
        reason="healthy runs have up to 3 %; where half of the pairs are alike, half of the sampling is wasted, and at 90 % a "
        "group is one response",
        way_out="raise method.temperature or lower training.learning_rate; answers that can only be one text leave nothing to "
        "sample",
    ),
    Monitor(
        "same_answer",
        partial(recent, name=ALIKE_ACROSS),
        warn=0.1,
        alarm=0.3,
        found="{:.0%} of the pairs of responses to different prompts are nearly the same text",
        meaning="share of the pairs of responses to different prompts that are nearly the same text while their references are "
        "not (`text/share_alike_across`)",
        reason="in healthy runs it is 0: a text that is rewarded whatever is asked is what a fooled encoder is fooled by",
        way_out="the reward takes a text for good whatever is asked: look at samples/, and mend the reward or take another encoder",
    ),
)
"""In the order in which they are shown."""
