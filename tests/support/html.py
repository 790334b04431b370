"""What a page shows, as a tree that tests look things up in."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


class Element:
    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        """All that stands in it, with single spaces."""
        return " ".join(self._text().split())

    def _text(self) -> str:
        return "".join(one if isinstance(one, str) else one._text() for one in self.children)

    def __iter__(self) -> Iterator[Element]:
        """It and all elements in it, from the top."""
        yield self
        for one in self.children:
            if isinstance(one, Element):
                yield from one

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements of this tag with these attributes; `class_` is one of their classes."""
        return [one for one in self if one.tag == tag and _has(one, attributes)]

    def link(self, text: str) -> str:
        """Where the one link of this text leads."""
        (found,) = [one for one in self.all("a") if one.text == text]
        return found.get("href") or ""

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} <{tag}> with {attributes} in: {self.text[:500]}"
        return found[0]

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    def rows(self) -> list[list[str]]:
        """Of a table's body, the text of each cell."""
        bodies = self.all("tbody")
        return [
            [cell.text for cell in row.children if isinstance(cell, Element)]
            for body in bodies
            for row in body.all("tr")
        ]

    def values(self) -> list[tuple[str, str]]:
        """Of a form, what a browser would send as it stands."""
        said = []
        for one in self:
            name = one.get("name")
            if name is None or (one.get("type") in ("checkbox", "radio") and one.get("checked") is None):
                continue
            if one.tag == "input":
                said.append((name, one.get("value") or ("on" if one.get("type") == "checkbox" else "")))
            elif one.tag == "textarea":
                said.append((name, one._text().removeprefix("\n")))
            elif one.tag == "select":
                options = one.all("option")
                chosen = next((o for o in options if o.get("selected") is not None), options[0])
                said.append((name, chosen.get("value") or ""))
        return said


def parse(text: str) -> Element:
    made = _Tree()
    made.feed(text)
    made.close()
    return made.root


def _has(element: Element, wanted: dict[str, str]) -> bool:
    for name, value in wanted.items():
        if name == "class_":
            if value not in (element.get("class") or "").split():
                return False
        elif element.get(name.replace("_", "-")) != value:
            return False
    return True


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(made)
        if tag == "br":
            self._open[-1].children.append("\n")
        if tag not in _VOID:
            self._open.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
