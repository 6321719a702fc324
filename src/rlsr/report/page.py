"""What every page shares: it opens from disk, nothing on it comes from a network, and no script runs but its own."""

import base64
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsr.errors import MissingPackageError
from rlsr.statistics.in_words import number

_TEMPLATES = Path(__file__).parent / "templates"
_INSTALL = "pip install 'rlsr[report]'"


def render_page(
    template: str,
    content: Mapping[str, Any],
    *,
    styles: Sequence[str],
    scripts: Sequence[str],
    filters: Mapping[str, Callable[..., str]],
    purpose: str,
) -> str:
    """Fill a template.

    Args:
        template: Its file name.
        content: What it shows, by the names that it uses.
        styles: File names of its style sheets.
        scripts: File names of its own scripts; the library of the charts comes before them.
        filters: Further filters, by name.
        purpose: What the page is needed for, for the message about a missing library.

    Returns:
        HTML. Every text is escaped, and the page's content policy lets no script run but the ones named here.

    Raises:
        MissingPackageError: A library that the page needs is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise MissingPackageError("Jinja2", purpose, _INSTALL) from error
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Letters beyond ASCII as they are: escaped, most languages would take two or three times the room.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "ensure_ascii": False}
    environment.filters.update({"number": number, **filters})
    sources = [_chart_library(purpose), *map(_read, scripts)]
    return environment.get_template(template).render(
        **content,
        style=Markup("".join(map(_read, styles))),
        scripts=[Markup(source) for source in sources],
        script_hashes=[_script_hash(source) for source in sources],
    )


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@functools.cache
def _chart_library(purpose: str) -> str:
    """Bundle Vega, Vega-Lite and Vega-Embed into one script, without a network."""
    try:
        import vl_convert
    except ImportError as error:
        raise MissingPackageError("vl-convert-python", purpose, _INSTALL) from error
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # Inside a page this would end the script; in JavaScript the two spellings are the same text.
    return bundle.replace("</script", "<\\/script")


def _script_hash(script: str) -> str:
    """Name a script as a content policy does (W3C Content Security Policy 3, "hash-source")."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
