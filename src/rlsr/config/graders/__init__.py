"""OpenAI's graders: what their JSON may say, and the settings of a reward that is one."""

from rlsr.config.graders.grader import Grader
from rlsr.config.graders.reader import parse_grader, read_grader_file
from rlsr.config.graders.settings import GraderReward

__all__ = ["Grader", "GraderReward", "parse_grader", "read_grader_file"]
