"""What a method is made of, apart from any trainer."""

from rlsr.methods.advantages import GroupAdvantages, group_advantages
from rlsr.methods.cut_responses import count_cut
from rlsr.methods.subset import max_variance_subset

__all__ = ["GroupAdvantages", "count_cut", "group_advantages", "max_variance_subset"]
