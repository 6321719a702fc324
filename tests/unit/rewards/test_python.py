"""Rewards of the user's own: what they are called with, and what is said of those that do not fit."""

import asyncio
import math
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlsr.config import RunConfig
from rlsr.config.reward import PythonReward
from rlsr.data import PromptRecord
from rlsr.data.record import Message
from rlsr.errors import ConfigError, RewardError
from rlsr.rewards import RewardBatch, RewardResult, open_reward, reward_kind

RECORDS = (
    PromptRecord("a", (Message("system", "S"), Message("user", "First?")), "one", "f:1", other_references=("1",), columns={"answer": 1}),
    PromptRecord("b", (Message("user", "Second?"),), "two", "f:2", category="sums", columns={"answer": 2, "hint": "x"}),
)  # fmt: skip
BATCH = RewardBatch(RECORDS, ["ja", "nein"], [True, None], [[5], [6, 7]])
NAN = math.nan


class Own:
    """Writes the module ``own`` into the working directory, and names something of it as the reward."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, code: str, name: str = "f", **options: Any) -> RunConfig:
        self._file.write_text(code, encoding="utf-8")
        sys.modules.pop("own", None)
        return RunConfig(reward=PythonReward(function=f"own:{name}", options=options))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Own:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Own(tmp_path / "own.py")


def score(config: RunConfig, batch: RewardBatch = BATCH) -> RewardResult:
    reward_kind(config).check(config, RECORDS)
    with closing(open_reward(config, "cpu")) as reward:
        return reward.score(batch)


def scores(config: RunConfig, batch: RewardBatch = BATCH) -> list[float]:
    found: list[float] = score(config, batch).scores.tolist()
    return found


def test_a_function_gets_what_trl_would_give_it_and_what_we_know(own: Own) -> None:
    config = own(
        "calls = []\ndef f(**all):\n    calls.append(all)\n    return [1, None]\n", scale=2
    )
    assert scores(config) == pytest.approx([1, NAN], nan_ok=True)
    assert sys.modules["own"].calls == [
        {
            "prompts": [
                [{"role": "system", "content": "S"}, {"role": "user", "content": "First?"}],
                [{"role": "user", "content": "Second?"}],
            ],
            "completions": [
                [{"role": "assistant", "content": "ja"}],
                [{"role": "assistant", "content": "nein"}],
            ],
            "completion_ids": [[5], [6, 7]],
            "reference": ["one", "two"],
            "references": [["one", "1"], ["two"]],
            "ended": [True, None],
            "id": ["a", "b"],
            "category": [None, "sums"],
            "answer": [1, 2],
            "hint": [None, "x"],
            "scale": 2,
        }
    ]


def test_a_function_gets_what_its_signature_names(own: Own) -> None:
    config = own(
        "def f(completions, answer, *, hint, log_metric=None, completion_ids=None, scale=1):\n"
        "    return [scale * (len(c[0]['content']) + a) for c, a in zip(completions, answer)]\n"
    )
    assert scores(config) == [3, 6]
    # A column that other rows of the data have.
    assert score(config, BATCH.take([0])).scores.tolist() == [3]
    assert scores(own(Path("own.py").read_text(), scale=10)) == [30, 60]


def test_what_is_not_known_is_not_given(own: Own) -> None:
    config = own("def f(completions, completion_ids=7, **_):\n    return [completion_ids]\n")
    batch = RewardBatch(RECORDS[:1], ["x"])
    assert scores(config, batch) == [7]


def test_a_coroutine_function_runs_in_one_loop(own: Own) -> None:
    config = own(
        "import asyncio\nloops = set()\n"
        "async def f(completions, **_):\n"
        "    loops.add(id(asyncio.get_running_loop()))\n"
        "    return await asyncio.gather(*(one(c[0]['content']) for c in completions))\n"
        "async def one(text):\n    await asyncio.sleep(0)\n    return len(text)\n"
    )
    with closing(open_reward(config, "cpu")) as reward:
        for _ in range(3):
            assert reward.score(BATCH).scores.tolist() == [2, 4]
    assert len(sys.modules["own"].loops) == 1


def test_a_notebook_may_ask(own: Own) -> None:
    config = own("async def f(completions, **_):\n    return [1.5] * len(completions)\n")

    async def cell() -> list[float]:
        return scores(config)

    assert asyncio.run(cell()) == [1.5, 1.5]


CLASS = """
from rlsr.rewards import Part, RewardResult
import numpy as np

class Scorer:
    def __init__(self, scale=1.0):
        self.scale = scale
        self.is_closed = False
        made.append(self)

    def score(self, batch):
        lengths = np.array([len(text) for text in batch.responses])
        return RewardResult(self.scale * lengths, {"length": lengths, "odd": lengths % 2}, texts={"seen": batch.responses})

    def close(self):
        self.is_closed = True

made = []

class Named(Scorer):
    parts = (Part("odd", "Odd", is_share=True),)

class Called:
    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, completions, answer):
        return [self.scale * one for one in answer]

class Plain:
    def score(self, batch):
        return [0.5 for _ in batch.responses]

ready = Scorer(3)
"""


def test_a_class_is_made_with_the_options_and_closed(own: Own) -> None:
    config = own(CLASS, "Scorer", scale=2)
    with closing(open_reward(config, "cpu")) as reward:
        result = reward.score(BATCH)
        (part_1, part_2) = reward.parts
    assert result.scores.tolist() == [4, 8]
    assert result.components["length"].dtype == np.float64
    assert list(result.texts["seen"]) == ["ja", "nein"]
    assert (part_1.column, part_2.column) == ("reward/length", "reward/odd")
    assert sys.modules["own"].made[-1].is_closed


def test_what_an_object_says_of_its_parts_is_taken(own: Own) -> None:
    with closing(open_reward(own(CLASS, "Named"), "cpu")) as reward:
        assert [part.column for part in reward.parts] == ["reward/share_odd"]
        reward.score(BATCH)
        assert [part.column for part in reward.parts] == ["reward/share_odd", "reward/length"]


def test_objects_and_callable_classes(own: Own) -> None:
    assert scores(own(CLASS, "ready")) == [6, 12]
    assert scores(own(CLASS, "Called", scale=4)) == [4, 8]
    assert scores(own(CLASS, "Plain")) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("[0, 1.5]", [0, 1.5]),
        ("[True, False]", [1, 0]),
        ("(None, float('nan'))", [NAN, NAN]),
        ("__import__('numpy').array([1, 2], dtype='float32')", [1, 2]),
        ("__import__('torch').tensor([0.5, 1.0])", [0.5, 1]),
        ("(x for x in (3, 4))", [3, 4]),
    ],
)
def test_what_counts_as_scores(own: Own, returned: str, expected: list[float]) -> None:
    assert scores(own(f"def f(**_):\n    return {returned}\n")) == pytest.approx(
        expected, nan_ok=True
    )


OF_A_RESPONSE = "must be a finite number, or None where a response cannot be scored, got"


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[1]", "must be one score for each of 2 responses, got 1"),
        ("[1, 2, 3]", "must be one score for each of 2 responses, got 3"),
        ("None", "must be a list with a number or None for each response, got None"),
        ("0.5", "must be a list with a number or None for each response, got 0.5"),
        ("[1, 'good']", f"{OF_A_RESPONSE} 'good' for the response to f:2"),
        ("'ab'", "must be a list with a number or None for each response, got 'ab'"),
        (
            "{1: 0.5, 2: 0.5}",
            "must be a list with a number or None for each response, got {1: 0.5, 2: 0.5}",
        ),
        ("{0.5, 0.25}", "must be a list with a number or None for each response, got {0.5, 0.25}"),
        ("[float('inf'), 1]", f"{OF_A_RESPONSE} inf for the response to f:1"),
        ("[1, -float('inf')]", f"{OF_A_RESPONSE} -inf for the response to f:2"),
        ("[[1], [2]]", f"{OF_A_RESPONSE} [1] for the response to f:1"),
        ("[1j, 1]", f"{OF_A_RESPONSE} 1j for the response to f:1"),
    ],
)
def test_what_is_no_score_is_refused_with_its_row(own: Own, returned: str, message: str) -> None:
    with pytest.raises(RewardError) as caught:
        score(own(f"def f(**_):\n    return {returned}\n"))
    assert str(caught.value) == f"reward.function own:f {message}"


def test_components_are_checked_too(own: Own) -> None:
    code = "from rlsr.rewards import RewardResult\ndef f(**_):\n    return RewardResult([1, 2], {'part': [1]})\n"
    with pytest.raises(
        RewardError, match=r"the component part of reward.function own:f must be one"
    ):
        score(own(code))


def test_a_response_that_a_function_fails_on_is_unscored_and_the_others_are_asked_about_together(
    own: Own, caplog: pytest.LogCaptureFixture
) -> None:
    config = own(
        "def f(completions, answer):\n"
        "    sizes = [10 / (a - 2) for a in answer]\n"
        "    return [len(answer) for _ in sizes]\n"
    )
    reward = open_reward(config, "cpu")
    rows = RewardBatch([*RECORDS, *RECORDS[:1]], ["a", "b", "c"])
    for _ in range(3):
        found = reward.score(rows)
        np.testing.assert_array_equal(found.scores, [2.0, np.nan, 2.0])
        assert found.num_unscored == 1
    (record,) = caplog.records
    assert record.getMessage() == (
        "reward.function own:f failed on the response to f:2, and left 1 of 3 unscored: ZeroDivisionError: division by zero"
    )
    assert "own.py" in caplog.text, "with the first traceback"


def test_a_function_that_fails_once_is_asked_again(
    own: Own, caplog: pytest.LogCaptureFixture
) -> None:
    config = own(
        "calls = []\n"
        "def f(completions, **_):\n"
        "    calls.append(1)\n"
        "    if len(calls) == 1: raise ConnectionError('away')\n"
        "    return [1.0] * len(completions)\n"
    )
    np.testing.assert_array_equal(score(config).scores, [1.0, 1.0])
    assert "and scored them when it was asked again: ConnectionError: away" in caplog.text


def test_parts_of_a_result_stay_with_their_responses(own: Own) -> None:
    config = own(
        "import numpy as np\n"
        "from rlsr.rewards import RewardResult\n"
        "def f(answer):\n"
        "    values = np.array([10 / (a - 1) for a in answer])\n"
        "    return RewardResult(values, {'part': values}, {'held': values}, {'text': ['t'] * len(answer)})\n"
    )
    found = score(config)
    for values in (found.scores, found.components["part"], found.heldout["held"]):
        np.testing.assert_array_equal(values, [np.nan, 10.0])
    assert found.texts == {"text": [None, "t"]}


def test_a_function_that_always_fails_ends_with_the_row_and_its_own_line(
    own: Own, caplog: pytest.LogCaptureFixture
) -> None:
    config = own(
        "import json\ndef helper():\n    return json.loads('{')\ndef f(completions, **_):\n    return helper()\n"
    )
    with pytest.raises(RewardError) as caught:
        score(config)
    message = str(caught.value)
    assert message.startswith(
        "reward.function own:f failed on the response to f:1 and all others: JSONDecodeError: Expecting property name"
    )
    assert message.endswith("own.py:3; the traceback is in the log")
    assert isinstance(caught.value.__cause__, ValueError)
    assert "own.py" in caplog.text
    config = own("def f(answer):\n    assert len(answer) < 2, 'one at a time'\n    return [1]\n")
    with pytest.raises(
        RewardError, match="2 responses together, each of which by itself does no harm, twice"
    ):
        score(config)


@pytest.mark.parametrize(
    ("code", "name", "options", "message"),
    [
        ("", "g", {}, "reward.function: own has no g; name something that stands in"),
        ("f = 3", "f", {}, "reward.function own:f must be a function, or a class or an object with a method `score`, got 3"),
        ("class f: pass", "f", {}, "reward.function own:f must be a function, or a class or an object with a method `score`"),
        ("1 / 0", "f", {}, "reward.function: the module own of 'own:f' cannot be imported: ZeroDivisionError: division by zero"),
        (
            "def f(completion): pass", "f", {},
            "reward.function own:f asks for completion, which is not there: there are prompts, completions, reference, references, "
            "ended, id, category, answer, hint, in training completion_ids, and what reward.options names; give it another name",
        ),
        ("def f(completion_ids): pass", "f", {}, "give them a default, as in completion_ids=None"),
        ("def f(prompts, /): pass", "f", {}, "must take its arguments by name, but prompts can be given by position alone"),
        ("def f(prompts): pass", "f", {"a": 1}, "reward.options.a: reward.function own:f takes no a; it takes prompts"),
        (CLASS, "Scorer", {"a": 1}, "reward.options: reward.function own:Scorer is made with (scale=1.0), got {'a': 1}: got an unexpected keyword argument 'a'"),
        (CLASS, "ready", {"a": 1}, "reward.options: reward.function own:ready is an object, so that options have no effect; name its class"),
        ("class f:\n    def __call__(self, nothing): pass", "f", {}, "reward.function own:f asks for nothing, which is not there"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_loaded(
    own: Own, code: str, name: str, options: dict[str, Any], message: str
) -> None:
    config = own(code, name, **options)
    with pytest.raises(ConfigError) as caught:
        reward_kind(config).check(config, RECORDS)
    assert message in str(caught.value)


def test_a_class_that_cannot_be_made(own: Own) -> None:
    config = own(
        "class f:\n    def __init__(self): raise OSError('no key')\n    def score(self, batch): ...\n"
    )
    reward_kind(config).check(config, RECORDS)
    with pytest.raises(RewardError, match="own:f could not be made: OSError: no key"):
        open_reward(config, "cpu")


def test_a_reward_of_trl(own: Own) -> None:
    config = RunConfig(reward=PythonReward(function="trl.rewards:think_format_reward"))
    batch = RewardBatch(RECORDS, ["<think>\na\n</think>\nb", "b"])
    assert scores(config, batch) == [1, 0]
