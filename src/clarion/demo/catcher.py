"""The built-in mail catcher: an SMTP server on this machine that keeps what it takes, and delivers nothing.

    python -m clarion.demo.catcher --port 2525 --store mails.db

A mail is committed to the store before it is acknowledged, so killing the catcher loses none. Needs the extra `demo`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
SIZE_LIMIT = 32 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY,
    received_at TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    raw BLOB NOT NULL
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    """One mail as it came; `sender` and `to` are those of the envelope."""

    id: int
    received_at: datetime
    message_id: str
    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def subject(self) -> str:
        return str(self.parsed["Subject"] or "")

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.parsed.get_body((kind,))
        return "" if part is None else str(part.get_content())


def received(path: str | Path, after: int = 0) -> list[ReceivedMail]:
    """The mails in this store in the order of their coming, those with an `id` greater than `after`."""
    return _select(path, "WHERE id > ? ORDER BY id", after)


def newest(
    path: str | Path, *, before: int | None = None, to: str | None = None, most: int = 50
) -> list[ReceivedMail]:
    """At most so many, the newest first: those with an `id` below `before`, to this address of the envelope."""
    return _select(
        path,
        "WHERE id < coalesce(?, id + 1) AND (? IS NULL OR ? IN (SELECT value FROM json_each(recipients)))"
        " ORDER BY id DESC LIMIT ?",
        before,
        to,
        to,
        most,
    )


def one(path: str | Path, id: int) -> ReceivedMail | None:
    """The mail of this `id`, if there is one."""
    return next(iter(_select(path, "WHERE id = ?", id)), None)


def _select(path: str | Path, which: str, *values: object) -> list[ReceivedMail]:
    if not Path(path).exists():
        return []
    with closing(_open(path)) as store:
        statement = f"SELECT id, received_at, message_id, sender, recipients, raw FROM mails {which}"  # noqa: S608 - ours
        rows = store.execute(statement, values).fetchall()
    return [
        ReceivedMail(
            id=id,
            received_at=datetime.fromisoformat(received_at),
            message_id=message_id,
            sender=sender,
            to=tuple(json.loads(recipients)),
            raw=raw,
        )
        for id, received_at, message_id, sender, recipients, raw in rows
    ]


def count(path: str | Path) -> int:
    """How many mails this store holds."""
    if not Path(path).exists():
        return 0
    with closing(_open(path)) as store:
        return int(store.execute("SELECT count(*) FROM mails").fetchone()[0])


class Catcher:
    """What aiosmtpd calls for each mail. A commit survives the process, killed or not."""

    def __init__(self, path: str | Path) -> None:
        self._store = _open(path)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        headers = BytesParser(policy=policy.compat32).parsebytes(envelope.content, headersonly=True)
        try:
            cursor = self._store.execute(
                "INSERT INTO mails (received_at, message_id, sender, recipients, raw) VALUES (?, ?, ?, ?, ?)",
                (
                    datetime.now(UTC).isoformat(),
                    str(headers["Message-ID"] or "").strip(),
                    envelope.mail_from,
                    json.dumps(envelope.rcpt_tos),
                    envelope.content,
                ),
            )
        except sqlite3.Error as error:
            return f"451 4.3.0 not stored: {type(error).__name__}"
        return f"250 2.0.0 kept as {cursor.lastrowid}"

    def close(self) -> None:
        self._store.close()


def _open(path: str | Path) -> sqlite3.Connection:
    """Each statement is its own transaction."""
    store = sqlite3.connect(path, isolation_level=None, timeout=30)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = NORMAL")
    store.execute(_SCHEMA)
    return store


async def serve(port: int, path: str | Path, ready_file: Path | None = None) -> None:
    """Catches mail until SIGTERM or SIGINT; port 0 takes a free one. Says on stdout, as a line of JSON, where it is."""
    try:
        from aiosmtpd.smtp import SMTP
    except ImportError:
        raise SystemExit("the mail catcher needs aiosmtpd: pip install 'clarion[demo]'") from None
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with closing(Catcher(path)) as catcher:
        server = await loop.create_server(
            lambda: SMTP(
                catcher,
                hostname="catcher.localhost",
                data_size_limit=SIZE_LIMIT,
                enable_SMTPUTF8=True,
                loop=loop,
            ),
            HOST,
            port,
        )
        ready = json.dumps({"port": server.sockets[0].getsockname()[1], "pid": os.getpid()})
        if ready_file is not None:
            _write_whole(ready_file, ready)
        sys.stdout.write(ready + "\n")
        sys.stdout.flush()
        await stop.wait()
        server.close()


def _write_whole(path: Path, text: str) -> None:
    """Whoever waits for the file never sees half of it."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m clarion.demo.catcher", description="Catches mail, delivers none."
    )
    parser.add_argument("--port", type=int, default=2525, help="0 takes a free port (default: 2525)")
    parser.add_argument("--store", type=Path, required=True, help="the SQLite file in which mails are kept")
    parser.add_argument("--ready-file", type=Path, help="written with port and pid once mail can be sent")
    options = parser.parse_args(arguments)
    asyncio.run(serve(options.port, options.store, options.ready_file))


if __name__ == "__main__":
    main()
