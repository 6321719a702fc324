"""What holds for any config and any order of its settings."""

import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rlsr.config import StagedConfig, config_from_table, load_config, load_stages, split_stages
from rlsr.config.data import ColumnNames, DataConfig, Layout
from rlsr.config.embedding import (
    EndpointEmbedding,
    SentenceTransformersEmbedding,
    StaticEmbedding,
)
from rlsr.config.engine import TrlEngine
from rlsr.config.logic import FormulaLimits, LiteralEvaluation, ModelSampling
from rlsr.config.method import AdvantageConfig, RlsrMethod, SgrpoMethod
from rlsr.config.model import LoraConfig, ModelConfig
from rlsr.config.preference import DpoMethod, RewardModelMethod
from rlsr.config.preference_model import PreferenceModelReward
from rlsr.config.reward import LogicReward, RepetitionConfig, SimilarityConfig, SimilarityReward
from rlsr.config.run import RunConfig
from rlsr.config.supervised import DftMethod, IwSftMethod, PearMethod, SftMethod
from rlsr.config.training import EvaluationConfig, TrainingConfig
from rlsr.config.translator import EndpointTranslator, ModelTranslator
from rlsr.errors import ConfigError

names = st.text(min_size=1, max_size=8)
maybe_names = st.none() | names
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
not_negative = st.floats(min_value=0, allow_infinity=False)
below_one = st.floats(min_value=0, max_value=1, exclude_max=True)
inside_one = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)
counts = st.integers(min_value=1, max_value=10**6)
maybe_counts = st.none() | counts
seeds = st.integers(min_value=0, max_value=2**32 - 1)
layouts: st.SearchStrategy[Layout] = st.sampled_from(
    ["auto", "prompt_response", "prompt_completion", "instruction", "messages", "conversations"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | not_negative | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)

models = st.builds(
    ModelConfig,
    name=names,
    revision=maybe_names,
    dtype=st.sampled_from(["auto", "bfloat16", "float32"]),
    lora=st.none() | st.builds(LoraConfig, rank=counts, alpha=positive, dropout=below_one),
    trust_remote_code=st.booleans(),
)
datasets = st.builds(
    DataConfig,
    path=names,
    split=names,
    layout=layouts,
    columns=st.builds(ColumnNames, prompt=maybe_names, response=maybe_names, system=maybe_names),
    heldout_path=maybe_names,
    heldout=st.integers(min_value=0, max_value=10**6) | not_negative,
    max_heldout=counts,
    limit=maybe_counts,
    on_bad_row=st.sampled_from(["error", "skip"]),
    seed=seeds,
)
servers = st.builds(
    EndpointEmbedding,
    url=st.sampled_from(["http://h/v1", "https://api.openai.com/v1"]),
    model=names,
    prompt=maybe_names,
    dimensions=st.none() | st.integers(1, 4096),
    texts_per_request=st.integers(1, 2048),
    max_characters=st.none() | st.integers(1, 10**6),
    options=st.dictionaries(st.sampled_from(["user", "truncate_prompt_tokens"]), st.integers()),
)
encoders = (
    st.builds(StaticEmbedding)
    | servers
    | st.builds(
        SentenceTransformersEmbedding,
        model=names,
        revision=maybe_names,
        prompt_name=maybe_names,
        prompt=maybe_names,
        device=names,
        dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
        max_tokens=st.none() | st.integers(min_value=8, max_value=10**6),
        tokens_per_batch=st.none() | st.integers(min_value=8, max_value=10**6),
        trust_remote_code=st.booleans(),
    )
)
rewards = st.builds(
    SimilarityReward,
    similarity=st.builds(
        SimilarityConfig,
        variant=st.sampled_from(["blend", "cosine"]),
        recall_weight=st.floats(min_value=0.1, max_value=10),
        number_share=st.floats(min_value=0, max_value=1),
    ),
    text=st.sampled_from(["response", "prompt_and_response"]),
    empty_score=st.floats(min_value=-1, max_value=1),
    repetition=st.builds(
        RepetitionConfig,
        enabled=st.booleans(),
        between=st.sampled_from(["response", "prompt_and_response"]),
        min_characters=counts,
        min_reference_share=not_negative,
        penalty=st.floats(min_value=-1, max_value=1, exclude_max=True),
    ),
)
logic_rewards = st.builds(
    LogicReward,
    variant=st.sampled_from(["model_sampling", "le"]),
    bleu_share=st.floats(min_value=0, max_value=1),
    unparsable=st.none() | st.sampled_from(["lowest", "zero", "unscored"]),
    translator=st.none()
    | st.builds(ModelTranslator, name=names, revision=maybe_names, batch_size=counts)
    | st.builds(
        EndpointTranslator,
        url=st.sampled_from(["http://localhost:8000/v1", "https://example.org/v1/"]),
        model=names,
        prompt=names.filter(lambda text: "{text}" not in text).map("{{text}} {}".format),
        api_key_env=st.none() | st.just("KEY"),
        timeout_s=positive,
        retries=st.integers(0, 20),
    ),
    model_sampling=st.builds(
        ModelSampling,
        min_cosine=st.floats(min_value=-1, max_value=1),
        unnamed_elements=st.lists(st.integers(1, 8), min_size=1, max_size=8).map(tuple),
        densities=st.lists(inside_one, min_size=1, max_size=16).map(tuple),
        seed=seeds,
    ),
    le=st.builds(LiteralEvaluation, min_cosine=st.none() | st.floats(-1, 1), max_ands=maybe_counts),
    limits=st.builds(FormulaLimits, allow_free_variables=st.booleans()),
)
preference_models = st.builds(
    PreferenceModelReward,
    model=names,
    revision=maybe_names,
    reads=st.sampled_from(["auto", "chat", "pair", "response"]),
    label=maybe_names,
    output=st.sampled_from(["logit", "probability"]),
    relative_to_reference=st.booleans(),
    max_tokens=st.none() | st.integers(min_value=8, max_value=10**6),
)
lengths = {
    "max_prompt_tokens": counts,
    "max_response_tokens": st.none() | st.integers(min_value=1, max_value=32768),
}
grpo_settings: dict[str, st.SearchStrategy[Any]] = {
    **lengths,
    "num_generations": st.integers(min_value=2, max_value=10**6),
    "update_subset": st.none() | st.just(2),
    "kl_coefficient": not_negative,
    "temperature": positive,
    "top_p": st.floats(min_value=0, max_value=1, exclude_min=True),
    "loss_average": st.sampled_from(["token", "sequence"]),
    "clip": inside_one,
    "advantage": st.builds(
        AdvantageConfig,
        scale=st.sampled_from(["group_std", "none"]),
        std_floor=not_negative,
        min_std=st.floats(min_value=1e-9, max_value=1e6),
    ),
}
rlsr_methods = st.builds(RlsrMethod, **grpo_settings) | st.builds(
    SgrpoMethod,
    **grpo_settings,
    label_weight=st.none() | not_negative,
    label_schedule=st.sampled_from(["constant", "linear", "cosine"]),
    label_loss=st.sampled_from(["nll", "ratio_clip", "one_sided_clip", "as_released"]),
    label_clip=inside_one,
    label_in_group=st.booleans(),
    prefix_weight=not_negative,
    prefix_floor=st.floats(min_value=0, max_value=1, exclude_min=True),
)
ordered = st.tuples(st.floats(-10, 0), st.floats(0, 10))
other_methods = (
    st.builds(SftMethod, **lengths)
    | st.builds(DftMethod, **lengths)
    | st.builds(
        IwSftMethod,
        **lengths,
        level=st.sampled_from(["sequence", "token"]),
        temperature=positive,
        max_weight=positive,
        token_weights=st.tuples(st.floats(0, 1), st.floats(1, 10)),
    )
    | st.builds(
        PearMethod,
        **lengths,
        level=st.sampled_from(["suffix", "block", "sequence"]),
        block_size=counts,
        discount=st.floats(min_value=0, max_value=1, exclude_min=True),
        log_ratio=ordered,
        log_weight=ordered,
    )
    | st.builds(
        DpoMethod,
        **lengths,
        beta=positive,
        rejected=st.sampled_from(["auto", "data", "worst_sample"]),
        num_generations=counts,
        temperature=positive,
    )
    | st.builds(RewardModelMethod, **lengths, centering=not_negative, num_generations=counts)
)
trainings = st.builds(
    TrainingConfig,
    epochs=positive,
    steps=maybe_counts,
    learning_rate=st.none() | positive,
    lr_schedule=st.sampled_from(["constant", "linear", "cosine"]),
    warmup_steps=st.integers(min_value=0, max_value=10**6),
    weight_decay=not_negative,
    adam_betas=st.tuples(below_one, below_one),
    max_grad_norm=positive,
    gradient_checkpointing=st.booleans(),
    sample_groups=st.integers(min_value=0, max_value=10**6),
)
evaluations = st.builds(
    EvaluationConfig,
    enabled=st.booleans(),
    independent_embedding=maybe_names | servers,
    confidence=inside_one,
    num_resamples=st.integers(min_value=100, max_value=10**6),
)


@st.composite
def configs(draw: st.DrawFn) -> RunConfig:
    embedding, evaluation = draw(encoders), draw(evaluations)
    independent = evaluation.independent_embedding
    assume(getattr(independent, "model", independent) != embedding.model)
    return RunConfig(
        seed=draw(seeds),
        device=draw(st.sampled_from(["auto", "cpu", "cuda", "mps"])),
        threads=draw(st.none() | st.integers(1, 1024)),
        model=draw(models),
        data=draw(datasets),
        embedding=embedding,
        reward=draw(rewards | logic_rewards | preference_models),
        method=draw(rlsr_methods | other_methods),
        training=draw(trainings),
        evaluation=evaluation,
        engine=TrlEngine(options=draw(st.dictionaries(names, json_values, max_size=3))),
    )


@settings(deadline=None, max_examples=25)
@given(configs())
def test_a_dumped_config_loads_as_itself(config: RunConfig) -> None:
    dumped = config.model_dump(mode="json")
    loaded = config_from_table(dumped)
    assert loaded == config
    assert loaded.model_dump(mode="json") == dumped


@settings(deadline=None, max_examples=25)
@given(configs())
def test_a_dumped_config_survives_the_text_of_its_file(config: RunConfig) -> None:
    text = json.dumps(config.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
    assert config_from_table(json.loads(text)) == config


VALUES = {
    "seed": ["1", "2"],
    "model": ["org/a", "org/b"],
    "model.dtype": ["bfloat16", "float32"],
    "model.lora.rank": ["1", "2"],
    "model.lora.alpha": ["1", "1e-1"],
    "data": ["a.jsonl", "b.jsonl"],
    "data.heldout": ["0", "0.5"],
    "data.columns.prompt": ["q", "null"],
    "embedding": ["org/one", "org/two"],
    "embedding.max_tokens": ["8", "null"],
    "embedding.tokens_per_batch": ["8", "64"],
    "reward.similarity.variant": ["cosine", "blend"],
    "reward.similarity.number_share": ["0", "1e-1"],
    "reward.repetition.enabled": ["false", "true"],
    "method.clip": ["0.1", "0.3"],
    "method.advantage.scale": ["none", "group_std"],
    "training.learning_rate": ["1e-4", "null"],
    "engine.options.a": ["1", "[1, 2]"],
    "engine.options.b.c": ["1", "x"],
}
overrides = st.sampled_from(sorted(VALUES)).flatmap(
    lambda key: st.sampled_from(VALUES[key]).map(lambda value: (key, value))
)


def load(pairs: list[tuple[str, str]]) -> RunConfig | list[str]:
    """Load a config, or list what is wrong with it: settings of an encoder may come without one."""
    try:
        return load_config(overrides=[f"{key}={value}" for key, value in pairs])
    except ConfigError as error:
        return sorted(str(error).splitlines())


@settings(deadline=None, max_examples=100)
@given(st.data(), st.lists(overrides, unique_by=lambda pair: pair[0], max_size=8))
def test_the_order_of_overrides_of_different_keys_does_not_matter(
    data: st.DataObject, pairs: list[tuple[str, str]]
) -> None:
    assert load(data.draw(st.permutations(pairs))) == load(pairs)


STAGED_VALUES = {
    **VALUES,
    "method": ["[sft, rlsr]", "[dpo, {type: rlsr, clip: 0.2}]", "[rlsr]"],
    "method.max_response_tokens": ["5", "null"],
    "stages.0.training.steps": ["1", "2"],
    "stages.0.model.lora": ["null", "{rank: 3}"],
    "stages.0.method.max_response_tokens": ["7"],
    "stages.1.seed": ["8", "9"],
    "training.steps": ["3", "4"],
}
staged_overrides = st.sampled_from(sorted(STAGED_VALUES)).flatmap(
    lambda key: st.sampled_from(STAGED_VALUES[key]).map(lambda value: (key, value))
)


def load_all(pairs: list[tuple[str, str]]) -> StagedConfig | None:
    """Load a config; None where it is refused, since of several mistakes about stages the first one is told."""
    try:
        return load_stages(overrides=[f"{key}={value}" for key, value in pairs])
    except ConfigError:
        return None


@settings(deadline=None, max_examples=150)
@given(st.data(), st.lists(staged_overrides, unique_by=lambda pair: pair[0], max_size=8))
def test_the_order_of_overrides_does_not_matter_with_stages_either(
    data: st.DataObject, pairs: list[tuple[str, str]]
) -> None:
    assert load_all(data.draw(st.permutations(pairs))) == load_all(pairs)


@settings(deadline=None, max_examples=25)
@given(st.lists(configs(), min_size=1, max_size=3))
def test_configs_written_as_stages_are_read_as_they_were(found: list[RunConfig]) -> None:
    tables = [config.model_dump(mode="json") for config in found]
    for table in tables[1:]:
        # A later stage has no model of its own.
        for key in ("name", "revision", "chat_template_kwargs"):
            del table["model"][key]
    split = split_stages({"stages": tables})
    assert split == tables
    assert config_from_table(split[0]) == found[0]


@settings(deadline=None, max_examples=100)
@given(st.lists(overrides, min_size=2, max_size=12))
def test_of_overrides_of_one_key_the_last_wins(pairs: list[tuple[str, str]]) -> None:
    assert load(pairs) == load(list(dict(pairs).items()))
