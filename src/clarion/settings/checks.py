"""Whether a value can work, asked of what it is for; each is imported only when there is a value to check.

They raise `ClarionError` or `ValueError`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

_reference = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")


def database(url: str) -> None:
    """Without its parameters, which errors would show: there may be a password among them."""
    from sqlalchemy.exc import ArgumentError

    from clarion.store.database import Database

    place, _, parameters = url.partition("?")
    unreadable = ValueError(
        "the database's URL cannot be read; write sqlite:///file.db or postgresql://user:password@host/name, "
        "with %40 for an @ and %3F for a ? in a password"
    )
    if "@" in parameters and "@" not in place:
        raise unreadable
    try:
        Database(place).close()
    except (ArgumentError, ValueError):
        raise unreadable from None
    except ImportError:
        raise ValueError("for PostgreSQL, install clarion[postgres]") from None


def reference(text: str) -> None:
    if not _reference.fullmatch(text):
        raise ValueError("it must be written module:name, such as 'shop.main:clarion'")


def file(path: Path) -> None:
    if not path.is_file():
        raise ValueError("there is no such file")


def folder(path: Path) -> None:
    if not path.is_dir():
        raise ValueError("there is no such folder")


def version(text: str) -> None:
    from clarion.store import registry

    registry.sortable(text)


def base_url(url: str) -> None:
    from clarion.templates import links

    links.base(url)


def locale(name: str) -> None:
    from clarion.templates import words

    if words.parse(name) is None:
        raise ValueError("it is no locale; name it like 'en' or 'pt-BR'")


def retention(time: timedelta) -> None:
    from clarion import retention

    retention.check(time, ())


def metrics(address: str) -> None:
    from clarion.workers import exposition

    exposition.parse(address)


def signing(secret: str) -> None:
    from clarion import secret as secrets

    secrets.check_length("it", secret)


def smtp(url: str) -> None:
    from clarion.channels.smtp.server import Server

    Server.of(url)


def sender(text: str) -> None:
    from clarion.channels.mail import Sender

    Sender.of(text)


def address(text: str) -> None:
    from clarion.channels import addresses

    addresses.parse(text)
