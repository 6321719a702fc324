"""A hook of MkDocs: the page of all commands, written from the program itself."""

from collections.abc import Iterator
from typing import Any

PAGE = "commands.md"
HEAD = """# Commands

Written from the program: what `rlsr COMMAND --help` says. A user's mistake ends with one message and exit code 2; an interrupted command with
130 (Ctrl-C) or 143 (SIGTERM), after it has said how to go on.

"""


def reference(command: Any, name: str, level: int = 2) -> Iterator[str]:
    """Write a command, and those below it.

    Args:
        command: A command or a group of Typer.
        name: As it is called.
        level: Of its heading.

    Yields:
        Lines of Markdown.
    """
    parts = getattr(command, "commands", {})
    yield from (f"{'#' * level} `{name}`", "", plain(command.help or ""), "")
    if not parts:
        words = ["[OPTIONS]", *(called(one) for one in command.params if not is_option(one))]
        yield from ("```text", " ".join([name, *words]), "```", "")
    context = command.context_class(command)
    rows = [row(one, context) for one in command.params if one.name != "help" and not one.hidden]
    if rows:
        yield from ("| argument or option | meaning | default |", "|---|---|---|", *rows, "")
    for part in parts.values():
        yield from reference(part, f"{name} {part.name}", level + 1)


def is_option(parameter: Any) -> bool:
    """Tell an option from an argument."""
    return bool(parameter.param_type_name == "option")


def called(parameter: Any) -> str:
    """Say how a value is called in a usage."""
    return str(parameter.metavar or parameter.name.upper())


def row(parameter: Any, context: Any) -> str:
    """Write an argument or an option as a row of a table.

    Args:
        parameter: Of Typer.
        context: In which it names its type.
    """
    names = f"`{called(parameter)}`"
    if is_option(parameter):
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        if not parameter.is_flag:
            names += f" {kind(parameter, context)}"
    default = parameter.default
    shown = "" if default in (None, False, (), [], "") or callable(default) else f"`{default}`"
    meaning = plain(parameter.help or "")
    return f"| {cell(names)} | {cell(meaning)} | {'required' if parameter.required else shown} |"


def kind(parameter: Any, context: Any) -> str:
    """Name what an option takes, as INT for a range of whole numbers.

    Args:
        parameter: An option that is no flag.
        context: In which it names its type.
    """
    found: str = (
        parameter.metavar
        or parameter.display_type(context).strip("<>").removesuffix(" range").upper()
    )
    return f"`{found}`"


def plain(text: str) -> str:
    """Write a help text without the marks of Rich, one paragraph a line."""
    paragraphs = text.replace("\\[", "[").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def cell(text: str) -> str:
    """Write a text as a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> str:
    """Write the page."""
    from typer.main import get_command

    from rlsr.cli.commands import app

    commands = get_command(app).commands.values()
    parts = ("\n".join(reference(command, f"rlsr {command.name}")) for command in commands)
    return HEAD + "\n".join(parts) + "\n"


def on_files(files: Any, config: Any) -> Any:
    """Add the page to the site.

    Args:
        files: Of the site.
        config: Of MkDocs.
    """
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content=page()))
    return files
