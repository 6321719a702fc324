"""What a method makes, in memory and on disk: a line for each of ``MethodTable.makes``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rlsr.config.method_base import MethodTable
from rlsr.config.model import ModelConfig
from rlsr.models.classifiers import load_scorer, save_classifier
from rlsr.models.load import Device, Policy, load_policy
from rlsr.models.save import save_policy


@dataclass(frozen=True)
class ModelForm:
    """How a model is loaded to be trained and measured, and how it is saved."""

    load: Callable[[ModelConfig, Device], Policy]
    save: Callable[[Policy, Path], None]
    adapters: str
    """What PEFT calls the task of adapters."""


_FORMS: Mapping[str, ModelForm] = {
    "policy": ModelForm(load_policy, save_policy, "CAUSAL_LM"),
    "scorer": ModelForm(load_scorer, save_classifier, "SEQ_CLS"),
}


def form_of(method: MethodTable) -> ModelForm:
    """Find the form of what a method makes.

    Args:
        method: The settings of a training method.
    """
    return _FORMS[method.makes]
