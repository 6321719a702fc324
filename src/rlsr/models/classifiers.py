"""Sequence classifiers: models that read a text and say a number or a label of it, and write nothing."""

import copy
from pathlib import Path
from typing import Any

from rlsr.config.model import ModelConfig
from rlsr.errors import ModelError
from rlsr.models.adapters import CONFIG_FILE
from rlsr.models.builtin import resolve_model_name
from rlsr.models.finite import require_finite
from rlsr.models.load import (
    WEIGHTS,
    Device,
    Policy,
    cannot_load,
    choose_dtype,
    is_classifier,
    load_policy,
    load_tokenizer,
    require_undamaged,
)
from rlsr.runs.checksums import write_checksums


class Classifier(Policy):
    """A sequence classifier with its tokenizer. It reads conversations as a policy does, and answers none."""


def load_scorer(config: ModelConfig, device: Device) -> Classifier:
    """Load a model to be trained as a scorer: a classifier with one label, whose logit is the score.

    Args:
        config: A classifier with one label, or a policy, which gets a head of zeros in the place of the one that writes: before
            training all answers score alike, and no seed decides otherwise. Adapters are merged into the policy's weights.
        device: Where to.

    Returns:
        The classifier in evaluation mode; its tokenizer has a chat template.

    Raises:
        ModelError: It cannot be found or loaded, has other labels, or transformers has no classifier of its architecture.
    """
    if is_classifier(describe_classifier(config)):
        scorer = load_classifier(config, device)
        if scorer.model.num_labels != 1:
            raise ModelError(
                f"model.name: a scorer has one label, and {config.name!r} has {scorer.model.num_labels}; name a policy or a "
                "classifier with one label"
            )
        return Classifier(scorer.model, load_tokenizer(config), scorer.source)
    policy = load_policy(config, device)
    model = policy.model
    if hasattr(model, "peft_config"):
        # PEFT leaves the weights frozen.
        model = model.merge_and_unload().requires_grad_(True)
    return Classifier(
        _with_head_of_zeros(model, config, policy.tokenizer.pad_token_id).eval(),
        policy.tokenizer,
        policy.source,
    )


def _with_head_of_zeros(model: Any, config: ModelConfig, pad_token_id: int) -> Any:
    """Put a policy's layers under a head with one output."""
    import torch
    from transformers import AutoModelForSequenceClassification

    described = copy.deepcopy(model.config)
    described.num_labels = 1
    # The score stands at the last token that is none of these.
    described.get_text_config().pad_token_id = pad_token_id
    try:
        with torch.device("meta"):
            scorer = AutoModelForSequenceClassification.from_config(
                described, dtype=model.dtype, trust_remote_code=config.trust_remote_code
            )
    except ValueError as error:
        raise ModelError(
            f"model.name: transformers has no sequence classifier of the architecture of {config.name!r} ({described.model_type}); name "
            "another policy"
        ) from error
    layers = model.base_model_prefix
    if layers != scorer.base_model_prefix or not hasattr(scorer, layers):
        raise ModelError(
            f"model.name: the classifier of the architecture of {config.name!r} ({described.model_type}) is built otherwise than its "
            "policy; name another policy"
        )
    setattr(scorer, layers, getattr(model, layers))
    for name in head_of(scorer):
        head = scorer.get_submodule(name).to_empty(device=model.device)
        for weight in head.parameters():
            torch.nn.init.zeros_(weight)
    return scorer


def head_of(classifier: Any) -> list[str]:
    """List the modules of a classifier that are not the layers of its architecture.

    Args:
        classifier: A ``transformers`` sequence classifier.
    """
    return [name for name, _ in classifier.named_children() if name != classifier.base_model_prefix]


def load_classifier(config: ModelConfig, device: Device) -> Classifier:
    """Load a sequence classifier as it was trained.

    Args:
        config: Which model, in which type.
        device: Where to.

    Returns:
        The classifier in evaluation mode, with its tokenizer as it was saved.

    Raises:
        ModelError: It cannot be found or loaded, is no sequence classifier, or its weights were damaged since a run saved them.
    """
    from transformers import AutoTokenizer

    load_classifier_config(config)
    require_undamaged(config)
    source = resolve_model_name(config.name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, revision=config.revision, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load(config, "tokenizer", error) from error
    return Classifier(_load_weights(config, device).eval(), tokenizer, source)


def load_classifier_config(config: ModelConfig) -> Any:
    """Load the description of a classifier without its weights.

    Args:
        config: Which model.

    Returns:
        A ``transformers`` config, with ``num_labels`` and ``id2label``.

    Raises:
        ModelError: It cannot be found, or is no sequence classifier.
    """
    found = describe_classifier(config)
    if found is None:
        raise ModelError(
            f"model.name: {config.name} holds adapters, and a classifier must be a whole model; merge them into their base model, as "
            "merge_and_unload of PEFT does"
        )
    if not is_classifier(found):
        kinds = ", ".join(getattr(found, "architectures", None) or ["nothing"])
        raise ModelError(
            f"model.name: {config.name!r} must be a sequence classifier, got {kinds}; method=reward_model makes one of a policy, in the "
            "run's final/"
        )
    return found


def describe_classifier(config: ModelConfig) -> Any | None:
    """Load the description of what may be a classifier.

    Args:
        config: Which model.

    Returns:
        A ``transformers`` config; None of a directory with adapters.

    Raises:
        ModelError: It cannot be found.
    """
    from transformers import AutoConfig

    name = resolve_model_name(config.name)
    if (Path(name) / CONFIG_FILE).is_file():
        return None
    try:
        return AutoConfig.from_pretrained(
            name, revision=config.revision, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load(config, "config", error) from error


def _load_weights(config: ModelConfig, device: Device) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification

    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            resolve_model_name(config.name),
            revision=config.revision,
            dtype=choose_dtype(config, device),
            trust_remote_code=config.trust_remote_code,
            # No pickles, which are read by running what they say.
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise cannot_load(config, "model", error) from error
    if report["missing_keys"]:
        raise ModelError(
            f"model.name: {config.name!r} lacks weights of a sequence classifier, as {min(report['missing_keys'])}, so that its scores "
            "would be random; get the model again, or name another one"
        )
    require_finite(model, config.name)
    return model.to(device)


def count_classifier_parameters(model_config: Any, config: ModelConfig) -> int:
    """Count the weights of a classifier by building it without memory for them.

    Args:
        model_config: What ``load_classifier_config`` returned.
        config: Which model.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    with torch.device("meta"):
        built = AutoModelForSequenceClassification.from_config(
            model_config, trust_remote_code=config.trust_remote_code
        )
    return sum(weight.numel() for weight in built.parameters())


def save_classifier(classifier: Policy, directory: Path) -> None:
    """Save a classifier so that ``transformers`` loads it as it is, with checksums of its weights.

    Args:
        classifier: With or without adapters, which are merged in a copy: a head beside adapters is not loaded by transformers alone.
        directory: Where to.
    """
    model = classifier.model
    if hasattr(model, "peft_config"):
        model = copy.deepcopy(model).merge_and_unload()
    model.save_pretrained(directory)
    classifier.tokenizer.save_pretrained(directory)
    write_checksums(directory, WEIGHTS)
