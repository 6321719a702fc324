"""What the method sgrpo adds to the step of rlsr."""

from rlsr.config.method import SgrpoMethod
from rlsr.engines.trl.prefixes import Prefixes
from rlsr.engines.trl.reference_in_group import ReferencesInGroups
from rlsr.engines.trl.reference_term import References
from rlsr.engines.trl.reward_function import RewardFunction
from rlsr.engines.trl.step import Addition


def sgrpo_additions(method: SgrpoMethod, reward_function: RewardFunction) -> list[Addition]:
    """Choose what the settings ask for, in the order in which it changes a step."""
    additions: list[Addition] = []
    if method.prefix_ratios is not None:
        additions.append(Prefixes(method))
    if method.reads_labels:
        additions.append(References(method))
    if method.label_in_group:
        additions.append(ReferencesInGroups(method, reward_function))
    return additions
