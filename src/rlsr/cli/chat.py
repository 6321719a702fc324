"""``rlsr chat`` talks to a trained model, beside another one if wanted."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsr.cli.arguments import split_arguments
from rlsr.cli.terminal import open_console
from rlsr.errors import DataError, RlsrError
from rlsr.interruption import number_of
from rlsr.processes import require_one_process
from rlsr.secrets import redact

if TYPE_CHECKING:
    from rlsr.chat.speaker import Named
    from rlsr.chat.talk import Talk


def chat(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL",
            help="A run, stages (the last one's model), or a model: a directory, an id, or builtin:smollm2-135m.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Laid over the run's config, as device=cpu, or reward=math for /reference.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="base|RUN|MODEL",
            help="Whose answers stand beside; base is what RUN began with.",
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(help="Weights of RUN after this step, of a checkpoint that is still there."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="The system prompt; that of the run's prompts if they share one."
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(min=0, max=100, help="0 takes the most likely token, as in an evaluation."),
    ] = 0.0,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest answer; as in the run's evaluation, or 512.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="What is drawn at a temperature above 0.")] = 0,
    json: Annotated[
        bool, typer.Option("--json", help="Answer in JSON lines, to questions from a pipe or not.")
    ] = False,
) -> None:
    """Talk to a model that was trained; with a pipe as input, a line is a question (rlsr chat RUN < questions.txt)."""
    require_one_process("rlsr chat")
    talks = not json and sys.stdin.isatty() and sys.stdout.isatty()
    console = open_console(stderr=not talks)
    named = _name(model, against, step, settings or [])
    # Late: what was named is checked at once, and torch takes seconds.
    from rlsr.chat.conversation import Conversation, Sampling
    from rlsr.chat.scoring import Scorer
    from rlsr.chat.speaker import load_speakers
    from rlsr.chat.talk import Talk
    from rlsr.cli.chat_views import JsonView, PlainView, TerminalView
    from rlsr.models import choose_device
    from rlsr.pipeline.plan import set_threads

    first = named[0]
    device = choose_device(first.config.device)
    set_threads(first.config.threads)
    sampling = Sampling(max_tokens or first.longest_answer, temperature, seed)
    system = _system_of(console, first) if system is None else system or None
    names = " beside ".join(one.title for one in named)
    console.print(
        f"{names}, on {device}; {_in_words(sampling.temperature)}, up to {sampling.max_tokens} tokens"
    )
    speakers = load_speakers(named, device)
    # The run's reward; of two models the one that has a run.
    judged = next((one for one in named if one.trained is not None), first)
    titles = [one.title for one in named]
    with closing(Scorer(judged.config, device)) as scorer:
        conversation = Conversation(speakers, sampling, system)
        if talks:
            console.print("/help for commands; Ctrl-C stops an answer, Ctrl-D leaves")
            _talk(console, Talk(conversation, scorer, TerminalView(console, titles), console.print))
        else:
            view = JsonView(titles) if json else PlainView(titles)
            _answer_lines(
                Talk(conversation, scorer, view, console.print, every_question_alone=True)
            )


def _name(model: str, against: str | None, step: int | None, settings: list[str]) -> "list[Named]":
    from rlsr.chat.speaker import name_other, name_speaker
    from rlsr.config.load import read_table

    table = read_table(*split_arguments(settings))
    first = name_speaker(model, table, step)
    return [first] if against is None else [first, name_other(against, first, table)]


def _system_of(console: Console, named: "Named") -> str | None:
    """Take the system prompt that the prompts of a run share, and say so."""
    from rlsr.chat.system_prompt import system_prompts

    if named.trained is None:
        return None
    run = named.trained.run
    rows = run.read_evaluation("after") or run.read_evaluation("before") or []
    found = system_prompts(row.prompt for row in rows)
    if found.shared is not None:
        console.print(f"system prompt, as in the run: {found.shared}")
    elif found.num_different:
        console.print(
            f"the run's prompts have {found.num_different} different system prompts, and none is taken; --system or /system gives one"
        )
    return found.shared


def _talk(console: Console, talk: "Talk") -> None:
    """Read questions from a terminal, until the user leaves."""
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() its editing and history
    was_interrupted = False
    with _interruptible():
        while True:
            try:
                line = input("> ")
                if not talk.obey(line):
                    return
                was_interrupted = False
            except EOFError:
                console.print()
                return
            except KeyboardInterrupt as interruption:
                # SIGTERM says it once.
                if was_interrupted or number_of(interruption) != signal.SIGINT:
                    raise
                was_interrupted = True
                console.print("\nCtrl-C once more leaves, as /quit and Ctrl-D do", style="dim")
            except (RlsrError, UnicodeDecodeError) as error:
                # A mistake in a chat is no reason to load the model again.
                was_interrupted = False
                console.print(redact(str(error)), style="red")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C be heard more than once, and raise each time."""
    before: Callable[..., object] | int | None = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _answer_lines(talk: "Talk") -> None:
    """Answer the lines of a pipe, each in a conversation of its own."""
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            if not talk.obey(raw.decode("utf-8-sig" if number == 1 else "utf-8")):
                return
        except UnicodeDecodeError as error:
            raise DataError(
                f"line {number}: must be UTF-8, got byte 0x{raw[error.start]:02x} at place {error.start + 1}; write the file as UTF-8"
            ) from error
        except RlsrError as error:
            error.args = (f"line {number}: {error}", *error.args[1:])
            raise


def _in_words(temperature: float) -> str:
    return "greedy" if temperature == 0 else f"drawn at temperature {temperature:g}"
