"""The reward of a preference model: what it reads, which number counts, and what is refused before it is loaded."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from rlsr.config import RunConfig, load_config  # noqa: E402 - needs torch
from rlsr.config.model import ModelConfig  # noqa: E402
from rlsr.data.record import Message, PromptRecord  # noqa: E402
from rlsr.errors import ConfigError, ModelError  # noqa: E402
from rlsr.models.classifiers import Classifier, load_scorer, save_classifier  # noqa: E402
from rlsr.rewards import Reward, RewardBatch, open_reward, reward_kind  # noqa: E402
from rlsr.rewards.preference_model import probabilities  # noqa: E402
from tiny import WORDS  # noqa: E402

PARTS = ("preference", "reference_preference", "truncated")
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@pytest.fixture(scope="module")
def scorer(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer on the tiny policy, with a head of random numbers."""
    made = load_scorer(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")
    torch.manual_seed(3)
    torch.nn.init.normal_(made.model.score.weight)
    path = tmp_path_factory.mktemp("scorer")
    save_classifier(made, path)
    return path


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT that tells three labels apart, without a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    raw = Tokenizer(
        models.WordLevel(
            {word: row for row, word in enumerate([*marks, *WORDS])}, unk_token="[UNK]"
        )
    )
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=24, num_labels=3, id2label={0: "bad", 1: "fair", 2: "good"},
        )
    )  # fmt: skip
    path = tmp_path_factory.mktemp("judge")
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def config_of(model: Path | str, **reward: object) -> RunConfig:
    table = {"type": "preference_model", "model": str(model), "dtype": "float32", **reward}
    return load_config(overrides=[f"reward={json.dumps(table)}", "device=cpu"])


def record(prompt: str, *references: str) -> PromptRecord:
    first, *others = references or ("the cat",)
    return PromptRecord(
        prompt, (Message("user", prompt),), first, "f:1", other_references=tuple(others)
    )


def batch_of(*pairs: tuple[str, str]) -> RewardBatch:
    return RewardBatch([record(prompt) for prompt, _ in pairs], [text for _, text in pairs])


def opened(model: Path, **reward: object) -> Reward:
    return open_reward(config_of(model, **reward), "cpu")


def plain(path: Path, *shown: str) -> Any:
    """The logits by transformers alone, of one text."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained(path)
    with torch.no_grad():
        return model(**tokenizer(*shown, return_tensors="pt")).logits[0].double().numpy()


def test_the_score_is_the_logit_of_the_whole_conversation(scorer: Path) -> None:
    from transformers import AutoTokenizer

    result = opened(scorer).score(batch_of(("tell me", "the cat"), ("tell me", "a red river ran")))
    tokenizer = AutoTokenizer.from_pretrained(scorer)
    for score, text in zip(result.scores, ("the cat", "a red river ran"), strict=True):
        turns = [{"role": "user", "content": "tell me"}, {"role": "assistant", "content": text}]
        shown = tokenizer.apply_chat_template(turns, tokenize=False)
        assert score == pytest.approx(float(plain(scorer, shown)[0]), rel=1e-5)
    assert list(result.components) == ["preference", "truncated"]
    assert result.components["truncated"].tolist() == [0, 0]


def test_a_pair_and_a_response_are_read_as_its_tokenizer_writes_them(judge: Path) -> None:
    batch = batch_of(("the red cat", "sat on a mat"))
    by_pair = opened(judge, label="good").score(batch).scores
    assert by_pair[0] == pytest.approx(plain(judge, "the red cat", "sat on a mat")[2], rel=1e-5)
    alone = opened(judge, label="bad", reads="response").score(batch).scores
    assert alone[0] == pytest.approx(plain(judge, "sat on a mat")[0], rel=1e-5)


def test_a_probability_is_the_share_of_a_label(judge: Path, scorer: Path) -> None:
    batch = batch_of(("the cat", "sat on a mat"))
    logits = plain(judge, "the cat", "sat on a mat")
    shares = np.exp(logits) / np.exp(logits).sum()
    found = opened(judge, label="fair", output="probability").score(batch).scores
    assert found[0] == pytest.approx(shares[1], rel=1e-5)
    logit, share = (
        opened(scorer, output=output).score(batch).scores[0] for output in ("logit", "probability")
    )
    assert share == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-5)


@given(st.lists(st.lists(st.floats(-40, 40), min_size=3, max_size=3), min_size=1, max_size=4))
def test_probabilities_by_hand(table: list[list[float]]) -> None:
    logits = np.array(table)
    shares = probabilities(logits, exclusive=True)
    for row, found in zip(table, shares.tolist(), strict=True):
        expected = [1 / sum(math.exp(other - one) for other in row) for one in row]
        assert found == pytest.approx(expected, rel=1e-9)
    each = probabilities(logits, exclusive=False)
    assert each.ravel().tolist() == pytest.approx(
        [1 / (1 + math.exp(-one)) for one in logits.ravel()], abs=1e-12
    )


@pytest.fixture(scope="module")
def rewards(scorer: Path, judge: Path) -> list[Reward]:
    """Small batches, so that texts of unlike lengths meet."""
    return [
        opened(scorer, tokens_per_batch=120),
        opened(_without_padding(scorer), tokens_per_batch=120),
        opened(judge, label="good", tokens_per_batch=60),
    ]


def _without_padding(scorer: Path) -> Path:
    """The same scorer, whose config names no token for padding."""
    copied = scorer.parent / "without-padding"
    copied.mkdir()
    for file in scorer.iterdir():
        if file.name != "checksums.json":
            (copied / file.name).write_bytes(file.read_bytes())
    described = json.loads((copied / "config.json").read_text(encoding="utf-8"))
    (copied / "config.json").write_text(
        json.dumps(described | {"pad_token_id": None}), encoding="utf-8"
    )
    return copied


@settings(max_examples=15)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_a_score_is_the_same_alone_and_in_a_batch(
    rewards: list[Reward], pairs: list[tuple[str, str]]
) -> None:
    for reward in rewards:
        together = reward.score(batch_of(*pairs)).scores
        alone = [reward.score(batch_of(pair)).scores[0] for pair in pairs]
        assert together.tolist() == pytest.approx(alone, rel=1e-4, abs=1e-5)
        backwards = reward.score(batch_of(*pairs[::-1])).scores[::-1]
        assert backwards.tolist() == pytest.approx(alone, rel=1e-4, abs=1e-5)


def test_the_score_of_the_reference_is_subtracted(scorer: Path) -> None:
    records = [record("tell me", "the cat", "a dog ran"), record("and now", "blue sky")]
    responses = ["the red tree", "blue sky"]
    plainly, relative = opened(scorer), opened(scorer, relative_to_reference=True)
    scores = plainly.score(RewardBatch(records, responses)).scores
    references = [
        plainly.score(RewardBatch([one], [text])).scores[0]
        for one, text in (
            (records[0], "the cat"),
            (records[0], "a dog ran"),
            (records[1], "blue sky"),
        )
    ]
    for _ in range(2):  # from the model, and from what is kept of it
        found = relative.score(RewardBatch(records, responses))
        expected = [scores[0] - np.mean(references[:2]), 0.0]
        assert found.scores.tolist() == pytest.approx(expected, abs=1e-5)
    assert [part.name for part in relative.parts] == list(PARTS)


def test_a_longer_text_is_cut_and_counted(scorer: Path, judge: Path) -> None:
    long, short = " ".join(WORDS), "the cat"
    found = opened(judge, label="good").score(batch_of((long, long), (short, short)))
    assert found.components["truncated"].tolist() == [1, 0]
    assert np.isfinite(found.scores).all()
    reward = opened(scorer, max_tokens=24)
    found = reward.score(batch_of((long, f"{long} {short}"), (f"{long} red", f"{long} {short}")))
    assert found.components["truncated"].tolist() == [1, 1]
    assert found.scores[0] == found.scores[1], "the end of the response is read"


def test_a_number_that_is_none_is_unscored(scorer: Path) -> None:
    reward: Any = opened(scorer)
    with torch.no_grad():
        reward._texts._model.score.weight.fill_(math.inf)
    result = reward.score(batch_of(("tell me", "the cat"), ("tell me", "a dog")))
    assert result.num_unscored == 2


def test_an_empty_text_without_marks_is_unscored(scorer: Path) -> None:
    result = opened(scorer, reads="response").score(batch_of(("tell me", ""), ("tell me", "a dog")))
    assert np.isnan(result.scores).tolist() == [True, False]


Refused = Callable[[Path, Path, Path], RunConfig]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda judge, *_: config_of(judge), "reward.label: must be a label of the model, which has bad, fair, good, got None; name one, as in reward.label=good"),
        (lambda judge, *_: config_of(judge, label="best"), "which has bad, fair, good, got best; name one"),
        (lambda _, scorer, __: config_of(scorer, label="good"), "which has LABEL_0, got good; leave it out"),
        (lambda judge, *_: config_of(judge, label="bad", max_tokens=25), "reward.max_tokens: must be at most 24, the positions of"),
        (lambda _, __, policy: config_of(policy), "must be a sequence classifier, got LlamaForCausalLM; method=reward_model makes one"),
        (lambda *_: config_of("no/such-model"), "reward.model: the config of 'no/such-model' cannot be loaded"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_it_is_loaded(
    judge: Path, scorer: Path, tiny_model: Path, make: Refused, message: str
) -> None:
    config = make(judge, scorer, tiny_model)
    with pytest.raises((ConfigError, ModelError)) as caught:
        reward_kind(config).check(config, [])
    assert message in str(caught.value)
    assert str(caught.value).startswith("reward.")


def test_a_chat_needs_a_template(judge: Path) -> None:
    with pytest.raises(ConfigError, match=r"reward.reads: chat needs a chat template"):
        opened(judge, label="good", reads="chat")


def test_adapters_pickles_and_weights_that_lack_a_head_are_refused(
    scorer: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    for name in ("adapters", "pickled", "headless"):
        path = tmp_path / name
        path.mkdir()
        for file in scorer.iterdir():
            if file.name != "checksums.json":
                (path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "adapters" / "adapter_config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    weights = tmp_path / "headless" / "model.safetensors"
    save_file({name: value for name, value in load_file(weights).items() if name != "score.weight"}, weights, {"format": "pt"})  # fmt: skip
    expected = {
        "adapters": "holds adapters, and a classifier must be a whole model",
        "pickled": "has its weights as pickled Python alone",
        "headless": "lacks weights of a sequence classifier, as score.weight, so that its scores would be random",
    }
    for name, message in expected.items():
        with pytest.raises(ModelError) as caught:
            opened(tmp_path / name)
        assert message in str(caught.value)
        assert str(caught.value).startswith("reward.model: ")


def test_it_says_what_it_is_and_how_much_it_holds(scorer: Path, tiny_model: Path) -> None:
    config = config_of(scorer, relative_to_reference=True)
    kind = reward_kind(config)
    assert (
        kind.describe(config)
        == f"the logit by the preference model {scorer}, relative to that of the reference"
    )
    loaded: Classifier = load_scorer(ModelConfig(name=str(scorer), dtype="float32"), "cpu")
    held = sum(weight.numel() for weight in loaded.model.parameters()) * 4 / 1e9
    assert kind.memory_gb(config, "cpu") == pytest.approx(held)
    assert kind.memory_gb(config_of(scorer, device="cuda"), "cpu") == 0
    assert kind.reads(config) == {"reward.model": str(scorer)}
    faster = config_of(scorer, relative_to_reference=True, tokens_per_batch=64)
    assert kind.heldout_metrics(faster) == kind.heldout_metrics(config)


def test_a_classifier_is_no_policy(scorer: Path) -> None:
    from rlsr.models import load_policy

    with pytest.raises(
        ModelError, match="is a sequence classifier, which scores answers and writes none"
    ):
        load_policy(ModelConfig(name=str(scorer)), "cpu")


def test_only_a_classifier_with_one_label_is_trained_on(judge: Path) -> None:
    with pytest.raises(ModelError, match=r"a scorer has one label, and .* has 3"):
        load_scorer(ModelConfig(name=str(judge)), "cpu")
