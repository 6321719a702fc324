"""What a method is made of, apart from any trainer."""

from rlsr.methods.advantages import GroupAdvantages, group_advantages, lowest_where_cut
from rlsr.methods.subset import max_variance_subset

__all__ = ["GroupAdvantages", "group_advantages", "lowest_where_cut", "max_variance_subset"]
