"""One webhook as it is read: its fields by path, with errors that name them, and the emission made of it.

The normal form: GitHub compares logins, organisations and repositories without regard to case, so the
ids of recipients, the actor and topics are lower-case. Subjects and threads keep GitHub's spelling.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clarion.errors import InvalidInput
from clarion.event import EventFields
from clarion.severity import Severity

Emission = tuple[str, EventFields]

GHOST = "ghost"  # GitHub's own stand-in for a deleted account
TEXT_LIMIT = 500
NAME_LIMIT = 200
TAGS_LIMIT = 50
URL_LIMIT = 2000

_delivery_id = re.compile(r"[A-Za-z0-9-]{1,100}")
_unprintable = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_unstorable = re.compile("[\x00\ud800-\udfff]")


def recipient_id(login: str) -> str:
    """The recipient id of a GitHub login: `Codertocat` → `codertocat`."""
    return login.lower()


def topic_of(repository: str) -> str:
    """What those who watch a repository subscribe to: `Codertocat/Hello-World` → `github:codertocat/hello-world`."""
    return f"github:{repository.lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook. A path such as `issue.user.login` names a field of its payload."""

    name: str
    payload: Mapping[str, Any]
    delivery: str | None = None

    def find(self, path: str) -> Any:
        """The value at `path`; `None` where it, or anything above it, is absent or null."""
        value: Any = self.payload
        walked: list[str] = []
        for step in path.split("."):
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise self.malformed(".".join(walked), "an object", value)
            value = value.get(step)
            walked.append(step)
        return value

    def text(self, path: str) -> str:
        """The text at `path`, which GitHub always sends."""
        value = self.find(path)
        if not isinstance(value, str) or not value:
            raise self.malformed(path, "text", value)
        return value

    def maybe(self, path: str) -> str:
        """The text at `path`, or nothing."""
        value = self.find(path)
        if value is not None and not isinstance(value, str):
            raise self.malformed(path, "text", value)
        return value or ""

    def number(self, path: str) -> int:
        value = self.find(path)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.malformed(path, "a number", value)
        return value

    def many(self, path: str) -> list[Any]:
        value = self.find(path)
        if value is not None and not isinstance(value, list):
            raise self.malformed(path, "a list", value)
        return value or []

    def people(self, *paths: str) -> list[str]:
        """The recipient ids of the accounts at these paths, each one account or a list of them.

        Bots, organisations and deleted accounts are nobody who could be told.
        """
        found: list[str] = []
        for path in paths:
            value = self.find(path)
            for account in value if isinstance(value, list) else [value]:
                if account is None:
                    continue
                if not isinstance(account, Mapping) or not isinstance(account.get("login"), str):
                    raise self.malformed(f"{path}.login", "text", account)
                login = recipient_id(account["login"])
                if account.get("type", "User") == "User" and login != GHOST and not login.endswith("[bot]"):
                    found.append(login)
        return found

    def malformed(self, path: str, expected: str, value: object) -> InvalidInput:
        found = "nothing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
        return InvalidInput(f"GitHub webhook {self.name!r}: {path} must be {expected}, got {found}")

    @property
    def action(self) -> str:
        return self.text("action")

    @property
    def repository(self) -> str:
        return self.text("repository.full_name")

    @property
    def who(self) -> str:
        """Who did it, as it is shown: GitHub itself where no sender is named, a ghost where it is null."""
        return self.maybe("sender.login") or (GHOST if "sender" in self.payload else "GitHub")

    @property
    def where(self) -> str:
        return self.repository if self.find("repository") else ""


def audience(*reasons: tuple[str, Iterable[str]]) -> dict[str, list[str]]:
    """The people by reason, strongest first; each person once, under the strongest."""
    told: set[str] = set()
    to: dict[str, list[str]] = {}
    for reason, people in reasons:
        fresh = [who for who in dict.fromkeys(people) if who not in told]
        told.update(fresh)
        if fresh:
            to[reason] = fresh
    return to


def emission(
    hook: Webhook,
    code: str,
    *,
    subject: str,
    title: str,
    text: str = "",
    url: str = "",
    thread: str | None = None,
    to: Mapping[str, list[str]] | None = None,
    topic: str | None = None,
    severity: Severity | None = None,
    tags: Iterable[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Emission:
    """The event type and fields of what `hook` says. What is shown stands in `data`, in English."""
    where = hook.where
    facts = {
        "title": title,
        "text": text or where,
        "button": "View on GitHub",
        "actor_name": hook.who,
        "action": hook.maybe("action"),
        "repository": where or None,
        "private": bool(hook.find("repository.private")),
        **(facts or {}),
    }
    fields = EventFields(
        actor=_name(recipient_id(hook.who)),
        subject=_name(subject),
        thread=None if thread is None else _name(thread),
        to=to or None,
        topic=None if topic is None else _name(topic),
        severity=severity,
        key=_key(hook, code),
        tags=_tags([where.lower(), *tags]),
        data={name: _fact(name, value) for name, value in facts.items()},
        url=_url(url, hook.maybe("repository.html_url")),
        correlation_id=hook.delivery,
    )
    return code, fields


def _fact(name: str, value: object) -> object:
    """`value`; of a text its beginning, free of what no database stores, on one line but for `text`."""
    if not isinstance(value, str):
        return value
    limit = TEXT_LIMIT if name == "text" else NAME_LIMIT
    beginning = value[: limit * 10]
    clean = (_unstorable.sub("", beginning) if name == "text" else _unprintable.sub(" ", beginning)).strip()
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "…"


def labels(hook: Webhook, path: str) -> list[str]:
    """The names of the labels at `path`."""
    names = [label.get("name") if isinstance(label, Mapping) else None for label in hook.many(path)]
    if not all(isinstance(name, str) for name in names):
        raise hook.malformed(f"{path}.name", "text", None)
    return [str(name) for name in names]


def _key(hook: Webhook, code: str) -> str:
    """The same for the same webhook: GitHub's delivery id, which a redelivery keeps, or else its content."""
    if hook.delivery is not None:
        if not _delivery_id.fullmatch(hook.delivery):
            raise InvalidInput(
                f"GitHub webhook {hook.name!r}: X-GitHub-Delivery must be a GUID, got {hook.delivery[:40]!r}"
            )
        return f"github/{hook.delivery}/{code}"
    try:
        content = json.dumps([hook.name, hook.payload], sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"GitHub webhook {hook.name!r}: the payload is not plain JSON: {error}") from None
    return f"github/{hashlib.blake2b(content.encode(), digest_size=16).hexdigest()}/{code}"


def _name(value: str) -> str:
    return _unprintable.sub(" ", value)[:NAME_LIMIT]


def _tags(values: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(_name(value) for value in values)
    return tuple(name for name in names if name.strip())[:TAGS_LIMIT]


def _url(*candidates: str) -> str | None:
    for url in candidates:
        if url.startswith(("https://", "http://")) and len(url) <= URL_LIMIT and not _unprintable.search(url):
            return url
    return None
