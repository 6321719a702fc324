"""Readers of what people write by hand: configs, overrides, experiments, graders and formulas."""

from collections.abc import Callable

from reader import Reader, file_of
from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.experiment import load_experiment
from rlsr.config import StagedConfig
from rlsr.config.graders import parse_grader, read_grader_file
from rlsr.config.graders.template import parse_template
from rlsr.config.logic import FormulaLimits
from rlsr.config.stages import load_stages
from rlsr.logic import formula_text, parse_formula, print_formula


def _config(content: bytes) -> None:
    staged = load_stages([file_of("config.yaml", content)])
    assert StagedConfig.from_dump(staged.dump()).configs == staged.configs, "it loads as itself"


def _override(content: bytes) -> None:
    # As Python hands over arguments that are not UTF-8.
    load_stages(overrides=[content.decode("utf-8", "surrogateescape")])


def _experiment(content: bytes) -> None:
    resolve_recipes(load_experiment(file_of("experiment.yaml", content)))


def _grader(content: bytes) -> None:
    grader = parse_grader(read_grader_file(file_of("grader.json", content)))
    scores = dict.fromkeys(grader.leaves, 0.5)
    if grader.formula is not None:
        assert abs(grader.formula.value(scores)) != float("inf"), "a number, or NaN"
    for _, text in grader.templates():
        parse_template(text).render({"answer": "a"}, {"output_text": "b"})


_CONFIGS = (
    b"model: builtin:smollm2-135m\ndata: {path: a.jsonl, heldout: 0.1}\nmethod:\n  type: rlsr\n  num_generations: 4\ntraining: {steps: 3, learning_rate: 1e-4}\n",
    b"method: [sft, rlsr]\nseed: 1\nreward:\n  type: similarity\n  similarity: {variant: cosine}\nevaluation: {independent_embedding: null}\n",
    b"stages:\n- method: {type: sft}\n  training: &t {epochs: 1}\n- method: rlsr\n  training: *t\nreward: {type: python, function: a.b:c, options: {k: [1, x]}}\n",
    b"reward: {type: judge, mode: pairwise, range: [1, 5], prompt: '{first} {second}', endpoint: {url: 'http://h/v1', model: m, budget: {calls: 9}}, request: {seed: 1}}\n",
    b'{"reward": {"type": "logic", "translator": {"type": "endpoint", "url": "http://h/v1", "model": "m"}}, "model": {"lora": {"rank": 8}}, "embedding": "builtin:minilm"}',
)
_EXPERIMENTS = (
    b"base: {model: builtin:smollm2-135m, data: a.jsonl, validation: {num_prompts: 4}}\nrecipes:\n  base: {}\n  sft: {method: sft, choose: {training.learning_rate: [1e-5, 1e-4]}}\n  both: {method: [sft, rlsr], choose: sft}\nseeds: [0, 1]\nbudget: {by: wall_clock, amount: 60}\n",
    b'{"recipes": {"a": {}, "b": {"method": "rlsr"}}, "budget": {"by": "steps", "amount": 5}, "tie_margins": {"bleu": 1}, "rival": "b"}',
)
_OVERRIDES = (
    b"method.num_generations=4", b"method=[sft,rlsr]", b"stages={0: {training: {steps: 3}}}", b"model.lora=null", b"training={steps: 3, learning_rate: 1e-4}",
    b"reward={type: logic, translator: some/model}", b"data.path=\"a b.jsonl\"", b"seed=007", b"stages=null",
)  # fmt: skip
_GRADERS = (
    b'{"type": "string_check", "name": "a", "input": "{{ sample.output_text }}", "reference": "{{ item.answer }}", "operation": "ilike"}',
    b'{"type": "multi", "graders": {"near": {"type": "text_similarity", "input": "{{sample.output_json.a[0]}}", "reference": "b", "evaluation_metric": "rouge_l", "pass_threshold": 0.9}, "code": {"type": "python", "source": "def grade(sample, item):\\n    return 1.0", "image_tag": "x"}}, "calculate_output": "min(near, 1) * 2 ^ -code / (1 + exp(near))"}',
    b'{"type": "score_model", "model": "m", "input": [{"role": "user", "content": "{{ sample.choices[0].message.content }}"}, {"role": "system", "content": {"type": "input_text", "text": "t"}}], "range": [0, 10], "sampling_params": {"seed": 1, "temperature": 0.5}}',
    b'{"type": "label_model", "model": "m", "input": [{"role": "developer", "content": ["a", {"type": "output_text", "text": "{{item.answer}}"}]}], "labels": ["a", "b"], "passing_labels": ["b"]}',
)
SETTING_READERS: dict[str, Callable[[], Reader]] = {
    "config": lambda: Reader(_CONFIGS, _config),
    "settings": lambda: Reader(_CONFIGS[4:], _config, is_json=True),
    "override": lambda: Reader(_OVERRIDES, _override),
    "grader": lambda: Reader(_GRADERS, _grader, is_json=True),
    "experiment": lambda: Reader(_EXPERIMENTS, _experiment),
    "recipes": lambda: Reader(_EXPERIMENTS[1:], _experiment, is_json=True),
}


def _formula(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    formula = parse_formula(formula_text(text), FormulaLimits(max_depth=20))
    assert parse_formula(print_formula(formula)) == formula, "a printed formula reads as itself"


_FORMULAS = tuple(
    text.encode()
    for text in (
        "∀x (Cat(x) → Animal(x))", "∃x ∀y (R(x, y) ↔ ¬R(f(y), a))", "all x. P(x) & Q(x) -> exists y R(x,y)", "a = b ∧ c != d ⊕ P",
        "The answer is:\n```\n[P(a) ∨ Q(b)].\n```",
    )
)  # fmt: skip

FORMULA_READERS: dict[str, Callable[[], Reader]] = {"formula": lambda: Reader(_FORMULAS, _formula)}
