"""Takes an HTML page apart, for the tests of what writes one."""

from html.parser import HTMLParser

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """A page taken apart: its scripts, and the text of every element with the classes and ids around it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[tuple[str, str, list[str]]] = []
        self._texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.tags.append((tag, names))
        if tag not in VOID:
            self._open.append((tag, names.get("id") or names.get("class") or tag, []))

    def handle_endtag(self, tag: str) -> None:
        opened, name, parts = self._open.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"
        text = "".join(parts)
        if tag == "script":
            self.scripts.append(text)
            return
        self._texts.append((name, text))
        if self._open:
            self._open[-1][2].append(text)

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1][2].append(data)

    def all(self, name: str) -> list[str]:
        """Texts of the elements with this id, class or, where they have neither, tag."""
        return [text for found, text in self._texts if found == name]

    def one(self, name: str) -> str:
        (text,) = self.all(name)
        return " ".join(text.split())
