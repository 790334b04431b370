"""Acme's own application: a change under review, its comments, its build, an incident.

What somebody does is stored together with the event that tells of it, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock
from clarion.app import Clarion
from clarion.demo.people import Person
from clarion.errors import InvalidInput, shown
from clarion.event import EventFields

CHANGE = "cl/42"
TITLE = "Warmer empty states"
PAGE = "/changes/42"
AUTHOR = "codertocat"
REVIEWERS = ("sam-lee", "hacktocat")
BUILD = f"build/{CHANGE}"
INCIDENT = "incident/8"
TEXT_MOST = 2000
BURST = 100
_SHOWN = 50  # comments, the newest

_metadata = sa.MetaData()
_comments = sa.Table(
    "acme_comments",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("author", sa.String, nullable=False),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),  # RFC 3339
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    id: int
    author: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The change as it stands. `build` and `incident`: how often it was said, and 0 where all is well."""

    comments: tuple[Comment, ...]
    build: int
    incident: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Somebody does something. `other`: who is shown beside them, and so is to hear of it."""

    by: Person
    other: Person
    text: str = ""

    @property
    def audience(self) -> dict[str, list[str]]:
        return {
            "author": [AUTHOR],
            "reviewer": sorted({*REVIEWERS, self.other.id} - {AUTHOR}),
            "participant": [self.by.id],
        }


def prepare(clarion: Clarion) -> None:
    """Make Acme's table, with what was said before."""
    clarion.database.run(_metadata.create_all)


def review(clarion: Clarion) -> Review:
    def read(conn: Connection) -> list[Comment]:
        newest = conn.execute(sa.select(_comments).order_by(_comments.c.id.desc()).limit(_SHOWN)).all()
        return [
            Comment(id=row.id, author=row.author, text=row.text, at=datetime.fromisoformat(row.at))
            for row in reversed(newest)
        ]

    said = {one.condition: one.repeats + 1 for one in clarion.open_conditions()}
    return Review(
        comments=tuple(clarion.database.read(read)),
        build=said.get(BUILD, 0),
        incident=said.get(INCIDENT, 0),
    )


# ── What people do ───────────────────────────────────────────────────────────────────────────────────────


def comment(clarion: Clarion, deed: Deed) -> UUID:
    """Raises `InvalidInput`."""
    text = deed.text.strip()
    if not text or len(text) > TEXT_MOST:
        raise InvalidInput(f"a comment has 1 to {TEXT_MOST:,} characters, got {shown(text)}")
    by = deed.by

    def work(conn: Connection) -> UUID:
        row = {"author": by.id, "text": text, "at": clock.now().isoformat()}
        id = conn.execute(sa.insert(_comments).values(row).returning(_comments.c.id)).scalar_one()
        return clarion.emit(
            conn,
            "acme.comment.created",
            actor=by.id,
            subject=CHANGE,
            thread=CHANGE,
            to=deed.audience,
            key=f"acme/comment/{id}",
            data={
                "title": f"{by.recipient.name} commented on “{TITLE}”",
                "text": text,
                "actor_name": by.recipient.name,
            },
            url=f"{PAGE}#c{id}",
        )

    return clarion.database.run(work)


def mention(clarion: Clarion, deed: Deed) -> UUID:
    said = f"@{deed.other.id} what do you think: is this the right tone?"
    return comment(clarion, Deed(by=deed.by, other=deed.other, text=said))


def fail_build(clarion: Clarion, deed: Deed) -> UUID:
    """Said again while it fails, it is counted; the third time it is urgent."""
    return _emit(
        clarion,
        "acme.build.failed",
        subject=CHANGE,
        thread=CHANGE,
        condition=BUILD,
        to=deed.audience,
        data={"title": f"The build of “{TITLE}” fails", "text": "2 of 348 tests: empty_state, empty_inbox"},
        url=f"{PAGE}#build",
    )


def mend_build(clarion: Clarion, _deed: Deed) -> None:
    clarion.database.run(lambda conn: clarion.resolve(conn, BUILD))


def declare_incident(clarion: Clarion, deed: Deed) -> UUID:
    return _emit(
        clarion,
        "acme.incident.opened",
        actor=deed.by.id,
        subject=INCIDENT,
        thread=INCIDENT,
        condition=INCIDENT,
        to={"on_call": [deed.other.id, "rafael-souza"], "owner": ["amara-diallo"]},
        data={"title": "Search is down", "text": "Every query times out since a minute ago."},
        url=f"{PAGE}#incident",
    )


def end_incident(clarion: Clarion, _deed: Deed) -> None:
    clarion.database.run(lambda conn: clarion.resolve(conn, INCIDENT))


def burst(clarion: Clarion, deed: Deed) -> UUID:
    """A hundred at once, stored together. The last of them."""
    remarks: list[tuple[str, EventFields]] = [
        (
            "acme.remark.added",
            EventFields(
                actor="robot",
                subject=CHANGE,
                to={"reviewer": [deed.other.id]},
                data={"title": f"Remark {n} of {BURST}", "text": f"empty.html, line {n}: a space too many"},
                url=f"{PAGE}#line{n}",
            ),
        )
        for n in range(1, BURST + 1)
    ]
    return clarion.database.run(lambda conn: clarion.emit_many(conn, remarks))[-1]


def _emit(clarion: Clarion, type: str, **fields: object) -> UUID:
    made = EventFields(**fields)  # type: ignore[typeddict-item]  # spelt out where it is called
    return clarion.database.run(lambda conn: clarion.emit(conn, type, **made))


DEEDS: Mapping[str, Callable[[Clarion, Deed], UUID | None]] = {
    "comment": comment,
    "mention": mention,
    "fail-build": fail_build,
    "mend-build": mend_build,
    "declare-incident": declare_incident,
    "end-incident": end_incident,
    "burst": burst,
}
