"""Write docs/settings.md, and the names of all settings for the shell, from the classes of the config."""

from collections.abc import Iterator
from pathlib import Path

from rlsr.cli.setting_names import FILE
from rlsr.config.reference import Setting, list_settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
HEAD = """# Every setting

Made by `make settings` from the classes in `src/rlsr/config/`, whose docstrings say what a setting does; `rlsr config explain KEY` says
the same of one. [config.md](config.md) tells how configs are written and what the settings are for. A star stands for a name that you
give. What stands in brackets behind a key are the types that have it: `method.num_generations` (`method`: rlsr, sgrpo, rlpt) is no setting
of `sft`. Each may stand for all stages, or for one, as in `stages.1.training.steps`.
"""


def page() -> str:
    """Write the page."""
    return "".join([HEAD, *_sections()])


def names() -> str:
    """Write the names, one a line."""
    return "".join(f"{name}\n" for name in dict.fromkeys(one.key for one in list_settings()))


def _sections() -> Iterator[str]:
    alone = [one for one in list_settings() if "." not in one.key and not one.is_table]
    yield "\n## The run\n"
    yield from _table(alone)
    for table in (one for one in list_settings() if "." not in one.key and one.is_table):
        yield f"\n## {table.key}\n\n{_text(table.meaning)} {_capitalised(table.value)}.\n"
        below = [one for one in list_settings() if one.key.startswith(f"{table.key}.")]
        yield from _table(below) if below else ()


def _table(settings: list[Setting]) -> Iterator[str]:
    yield "\n| setting | what it may be | default | meaning |\n|---|---|---|---|\n"
    for one in settings:
        where = f" ({_where(one)})" if one.where else ""
        default = (
            "must be given" if one.is_required else f"`{_text(one.default)}`" if one.default else ""
        )
        yield f"| `{one.key}`{where} | {_text(one.kind)} | {default} | {_text(one.meaning)} |\n"


def _where(setting: Setting) -> str:
    return "; ".join(f"`{key}`: {', '.join(types)}" for key, types in setting.types.items())


def _text(text: str) -> str:
    return text.replace("|", "\\|")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    FILE.write_text(names(), encoding="utf-8")
    print(f"wrote {PAGE} and {FILE}")
