"""The reward inside of other trainers: one call each, which takes a config and gives what the trainer takes."""

from rlsr.integrations.ms_swift import ms_swift_reward
from rlsr.integrations.openrlhf import openrlhf_reward
from rlsr.integrations.trl import trl_reward
from rlsr.integrations.verl import verl_reward

__all__ = ["ms_swift_reward", "openrlhf_reward", "trl_reward", "verl_reward"]
