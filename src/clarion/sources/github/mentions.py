"""Who is mentioned in GitHub's Markdown: `@login` in running text, by the rules of GitHub's mention filter.

https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/node_filter/mention_filter.rb
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

LOGIN_LIMIT = 39
MENTION_LIMIT = 50  # GitHub tells no more than 50 people of one text

# Letters and digits with single hyphens between them; accounts managed by a company end in _company. Not
# a mention: bob@acme.test (a letter before), @acme/team, @acme.test, @bob-.
_mention = re.compile(
    r"(?<![\w@])@([a-z\d](?:-?[a-z\d])*(?:_[a-z\d]+)?)(?![\w-]|/\w|\.+\w)", re.ASCII | re.IGNORECASE
)
_address = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
# What in HTML is not running text: comments, code, links, and the tags themselves.
_not_prose = re.compile(
    r"<!--.*?(?:-->|\Z)|<(a|code|pre|script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_silent_tag = re.compile(r"<(/?)(?:a|code|pre)\b", re.IGNORECASE)


def mentions(text: str | None) -> tuple[str, ...]:
    """The logins mentioned in `text`, lower-case, each once, in order; at most 50, as GitHub does.

    Code, links, addresses, comments, e-mail addresses and teams (`@acme/core`) mention nobody.
    """
    if not text or "@" not in text:
        return ()
    found: dict[str, None] = {}
    for prose in _prose(_parser().parse(text)):
        for match in _mention.finditer(_address.sub(" ", prose)):
            if len(match[1]) <= LOGIN_LIMIT:
                found[match[1].lower()] = None
    return tuple(found)[:MENTION_LIMIT]


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark")


def _prose(blocks: Iterable[Token]) -> Iterator[str]:
    for block in blocks:
        if block.type == "inline":
            yield "".join(_running_text(block.children or ()))
        elif block.type == "html_block":
            yield _not_prose.sub(" ", block.content)


def _running_text(tokens: Iterable[Token]) -> Iterator[str]:
    silent = 0  # how many links and code tags are open
    for token in tokens:
        if token.type == "link_open":
            silent += 1
        elif token.type == "link_close":
            silent -= 1
        elif token.type == "html_inline" and (tag := _silent_tag.match(token.content)):
            silent = max(0, silent + (-1 if tag[1] else 1))
        elif token.type == "text" and not silent:
            yield token.content
            continue
        yield " "
