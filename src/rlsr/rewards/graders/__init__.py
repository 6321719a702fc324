"""The reward that is a grader of OpenAI's."""

from rlsr.rewards.graders.kind import GraderKind

__all__ = ["GraderKind"]
