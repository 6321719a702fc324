"""Rewards that say whether an answer is right, by a rule: one file a rule."""
