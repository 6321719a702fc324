"""What a method is made of, apart from any trainer."""

from rlsr.methods.advantages import GroupAdvantages, group_advantages

__all__ = ["GroupAdvantages", "group_advantages"]
