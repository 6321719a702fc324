"""``rlsr chat`` through the command line: a pipe in the process of the test, and the real program on a terminal."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rlsr.cli.commands import app
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import ConfigError, DataError, ModelError, RlsrError, RunError
from rlsr.evaluation.generate import answer_prompts
from rlsr.models import load_policy
from rlsr.rewards import RewardBatch, open_reward
from rlsr.runs import RunDirectory
from small_runs import PROMPTS, write_run


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that has left random adapters, and whose prompts share a system prompt."""
    return write_run(tmp_path_factory.mktemp("chat") / "run", tiny_model, rank=2, system="Be a cat.")  # fmt: skip


def chat(*arguments: str | Path, lines: str | bytes) -> Result:
    return CliRunner().invoke(
        app, ["chat", *map(str, arguments)], input=lines, catch_exceptions=False
    )


def test_a_pipe_is_answered_as_an_evaluation_would(run: RunDirectory) -> None:
    result = chat(run.path, "--json", lines="\n".join(PROMPTS))
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    records = [
        PromptRecord(text, (Message("system", "Be a cat."), Message("user", text)), "x", "x")
        for text in PROMPTS
    ]
    policy = load_policy(run.read_config().model.saved_in(run.final), "cpu")
    texts, cut = answer_prompts(policy, records, max_response_tokens=8, batch_size=1)
    assert [row["question"] for row in rows] == list(PROMPTS)
    assert [row["answers"][0]["text"] for row in rows] == texts
    assert [not row["answers"][0]["ended"] for row in rows] == cut
    assert "system prompt, as in the run: Be a cat." in result.stderr
    assert "greedy, up to 8 tokens" in result.stderr


def test_another_model_and_the_reward_beside_it(run: RunDirectory, tiny_model: Path) -> None:
    lines = "the cat\n/reference the cat sat on a mat\n/system\n/new\n\n/help\nthe cat\n/quit\nnobody answers this\n"
    result = chat(run.path, "--against", "base", "--json", "--max-tokens", "3", lines=lines)
    assert result.exit_code == 0, result.output
    first, scored, without_system = map(json.loads, result.stdout.splitlines())
    assert [one["model"] for one in first["answers"]] == [str(run.path), f"base ({tiny_model})"]
    assert first["answers"][0]["text"] != first["answers"][1]["text"], "adapters change nothing"
    assert first["answers"] != without_system["answers"]
    assert all(one["tokens"] <= 3 for one in first["answers"])
    assert {"reward", "cosine", "overlap", "repeated"} <= set(scored["scores"][0])
    texts = [one["text"] for one in first["answers"]]
    with closing(open_reward(run.read_config(), "cpu", keep=False)) as reward:
        batch = RewardBatch.of_texts(["the cat"] * 2, texts, ["the cat sat on a mat"] * 2)
        expected = reward.score(batch).scores
    assert [one["reward"] for one in scored["scores"]] == pytest.approx(expected.tolist())
    assert "scored by similarity (blend, builtin:wordllama)" in result.stderr
    assert "/reference TEXT" in result.stderr


def test_a_model_without_a_run_answers_too(tiny_model: Path) -> None:
    result = chat(tiny_model, "device=cpu", "--max-tokens", "4", lines="the cat\n/reference a\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("> the cat\n")
    assert "(4 tokens, not at its end)" in result.stdout
    assert "reward " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "lines", "kind", "message"),
    [
        (["{model}", "--against", "base"], "", ConfigError, "--against base: is the model that a run began with, and .* is no run"),
        (["{model}", "--step", "3"], "", ConfigError, "--step: belongs to a run, and .* is none"),
        (["{run}", "--step", "3"], "", RunError, "--step: .* has the weights after those of no step, got 3"),
        (["{run}", "nonsense"], "", ConfigError, "'nonsense': expected a config file ending in .yaml or a setting"),
        (["{run}", "model.dtype=int8"], "", ConfigError, "model.dtype"),
        (["{run}"], "the cat\n/foo\n", ConfigError, "^line 2: /foo: a command is one of"),
        (["{run}"], "/reference a\n", ConfigError, "^line 1: /reference: belongs to an answer"),
        (["{run}"], b"the cat\n\xe9t\xe9\n", DataError, "^line 2: must be UTF-8, got byte 0xe9 at place 1"),
        (["{run}", "--max-tokens", "512"], "the cat\n", ConfigError, "^line 1: the conversation has .* reads 512"),
        (["{scorer}"], "the cat\n", ModelError, "is a sequence classifier, which scores answers and writes none"),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    arguments: list[str],
    lines: str | bytes,
    kind: type[RlsrError],
    message: str,
    run: RunDirectory,
    tiny_model: Path,
    tmp_path: Path,
) -> None:
    scorer = tmp_path / "scorer"
    scorer.mkdir()
    for file in tiny_model.iterdir():
        (scorer / file.name).write_bytes(file.read_bytes())
    described = json.loads((scorer / "config.json").read_text(encoding="utf-8"))
    described["architectures"] = ["LlamaForSequenceClassification"]
    (scorer / "config.json").write_text(json.dumps(described), encoding="utf-8")
    named = [part.format(model=tiny_model, run=run.path, scorer=scorer) for part in arguments]
    with pytest.raises(kind, match=message):
        chat(*named, lines=lines)


_PROGRAM = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from rlsr.cli.main import main; main()"


class Terminal:
    """The real program in a terminal of its own, which tells it of Ctrl-C."""

    def __init__(self, arguments: list[str], cache: Path) -> None:
        own, other = pty.openpty()
        self._descriptor, self._seen = own, 0
        self.text = ""
        environment = {
            **os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(cache),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            start_new_session=True,
        )
        os.close(other)

    def wait_for(self, text: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while text not in self.text[self._seen :]:
            assert time.monotonic() < end, f"never saw {text!r} in {self.text[self._seen :]!r}"
            if select.select([self._descriptor], [], [], 0.1)[0]:
                self.text += os.read(self._descriptor, 65536).decode(errors="replace")
        self._seen = self.text.index(text, self._seen) + len(text)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def interrupt(self) -> None:
        # Python does not hear a signal between a prompt and the wait for a key.
        time.sleep(1)
        self.type("\x03")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._descriptor)


@pytest.fixture
def open_terminal(private_cache: Path) -> Iterator[Callable[..., Terminal]]:
    """Start the program, and end it whatever happens."""
    opened: list[Terminal] = []

    def start(*arguments: str | Path) -> Terminal:
        opened.append(Terminal([*map(str, arguments)], private_cache))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.slow
def test_a_real_terminal_shows_answers_stops_them_and_is_left(
    run: RunDirectory, open_terminal: Callable[..., Terminal]
) -> None:
    terminal = open_terminal("chat", run.path, "--against", "base", "--max-tokens", "400")
    terminal.wait_for("Ctrl-D leaves")
    terminal.wait_for("> ")
    terminal.type("/foo\r")
    terminal.wait_for("/foo: a command is one of")
    terminal.type("the cat\r")
    # Both answers grow side by side.
    terminal.wait_for("\x1b[2K")
    terminal.interrupt()
    terminal.wait_for("not at its end")
    terminal.wait_for("Ctrl-C once more leaves")
    terminal.type("/reference the cat sat\r")
    terminal.wait_for("scored by similarity")
    terminal.wait_for("Similarity")
    terminal.wait_for("> ")
    terminal.interrupt()
    terminal.wait_for("once more leaves")
    terminal.type("/new\r")
    terminal.wait_for("a new conversation")
    terminal.interrupt()
    terminal.wait_for("once more leaves")
    terminal.interrupt()
    terminal.wait_for("interrupted")
    assert terminal.process.wait(30) == 130


@pytest.mark.slow
def test_the_end_of_input_leaves(run: RunDirectory, open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("chat", run.path)
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.process.wait(60) == 0


@pytest.mark.slow
def test_sigterm_leaves_at_once(run: RunDirectory, open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("chat", run.path)
    terminal.wait_for("> ")
    time.sleep(1)
    terminal.process.terminate()
    assert terminal.process.wait(60) == 143
