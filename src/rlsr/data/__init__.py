"""SFT sets: from files and datasets to checked prompts with their references."""

from rlsr.data.dataset import DataReport, Dataset
from rlsr.data.load import load_dataset
from rlsr.data.record import Message, PromptRecord
from rlsr.data.rows import Problem

__all__ = ["DataReport", "Dataset", "Message", "Problem", "PromptRecord", "load_dataset"]
