"""OpenAI's graders: what their JSON may say, and the settings of a reward that is one."""

from rlsr.config.graders.reader import Grader, parse_grader, read_grader_file
from rlsr.config.graders.settings import GraderReward

__all__ = ["Grader", "GraderReward", "parse_grader", "read_grader_file"]
