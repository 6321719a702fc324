"""A hook of MkDocs: what the pages link to outside of docs/ becomes part of the site.

Links such as ``../benchmarks/claim.md`` and ``../src/rlsr/auditing/thresholds.py`` work where the repository is read, and go on
working on the site: Markdown becomes a page, code a page that shows it, anything else a file beside the pages.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = "docs"
CODE = {".py": "python", ".yaml": "yaml"}
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def linked(text: str, at: str) -> Iterator[str]:
    """Name the files of the repository that a page links to.

    Args:
        text: Markdown.
        at: Where it stands in the repository, as ``docs/log.md``.

    Yields:
        Paths from the repository's root, those that do not exist among them.
    """
    for _, target, _, _ in LINK.findall(text):
        if "://" not in target and not target.startswith(("/", "mailto:")):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(at), target))


def place(path: str) -> str:
    """Say where a file of the repository stands on the site, as a source of MkDocs.

    Args:
        path: From the repository's root.
    """
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    return f"{path}.md" if Path(path).suffix in CODE else path


def moved(text: str, at: str) -> str:
    """Write the links of a page as they are on the site.

    Args:
        text: Markdown.
        at: Where it stands in the repository.
    """

    def replace(match: re.Match[str]) -> str:
        head, target, anchor, tail = match.groups()
        if "://" in target or target.startswith(("/", "mailto:")):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(at), target))
        link = posixpath.relpath(place(path), posixpath.dirname(place(at)) or ".")
        return f"{head}{link}{anchor or ''}{tail}"

    return LINK.sub(replace, text)


def outside(pages: dict[str, str], named: Iterable[str] = ()) -> list[str]:
    """List the files outside of docs/ that pages link to, and those that these link to in turn.

    Args:
        pages: Markdown by its place in the repository.
        named: Further files that the site has, such as those of its navigation.

    Returns:
        Paths from the repository's root, sorted.
    """
    found: set[str] = set()
    waiting = [set(named), *(set(linked(text, at)) for at, text in pages.items())]
    while waiting:
        for path in waiting.pop():
            if path in found or path.startswith((f"{DOCS}/", "..")) or not (ROOT / path).is_file():
                continue
            found.add(path)
            if path.endswith(".md"):
                waiting.append(set(linked((ROOT / path).read_text(encoding="utf-8"), path)))
    return sorted(found)


def leaves(nav: Any) -> Iterator[str]:
    """Name the files of a navigation.

    Args:
        nav: As ``mkdocs.yml`` has it: paths, lists, and tables of one title.
    """
    if isinstance(nav, str):
        yield nav
        return
    for part in nav.values() if isinstance(nav, dict) else nav or ():
        yield from leaves(part)


def shown(path: str) -> str:
    """Make the page of a file outside of docs/; code is no result of a search.

    Args:
        path: From the repository's root.
    """
    text = (ROOT / path).read_text(encoding="utf-8")
    language = CODE.get(Path(path).suffix)
    if language is None:
        return text
    return f"---\nsearch:\n  exclude: true\n---\n# `{path}`\n\n````{language}\n{text}````\n"


def on_files(files: Any, config: Any) -> Any:
    """Add to the site what its pages link to outside of docs/.

    Args:
        files: Of the site.
        config: Of MkDocs.
    """
    from mkdocs.structure.files import File, InclusionLevel

    pages = {f"{DOCS}/{file.src_uri}": file.content_string for file in files.documentation_pages()}
    for path in outside(pages, leaves(config.nav)):
        # Beside the navigation on purpose, where it does not name them.
        options = {"inclusion": InclusionLevel.NOT_IN_NAV}
        if place(path).endswith(".md"):
            file = File.generated(config, place(path), content=shown(path), **options)
        else:
            file = File.generated(config, place(path), abs_src_path=str(ROOT / path), **options)
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let the links of a page lead to where files stand on the site.

    Args:
        markdown: Of the page.
        page: Of MkDocs.
        **_: What else MkDocs tells.
    """
    uri = page.file.src_uri
    at = f"{DOCS}/{uri}" if (ROOT / DOCS / uri).exists() else uri
    return moved(markdown, at)
