"""`clarion.recipients`: who there is, where they are reached, and what they said about being told.

Every change is in part: what is not given stays as it is, and `None` is unsaid again. It is one transaction, which
locks the recipient first, and what it changed of the recipient's choices is in the history. `by` is who changed it.
Everything raises `InvalidInput` or `UnknownName` for what cannot be, before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Unpack

from sqlalchemy.engine import Connection

from clarion import clock, configuration, edit
from clarion.channels import addresses
from clarion.configuration import Configuration, Entry
from clarion.edit import (
    ChoiceFields,
    ConfigurationFields,
    Edit,
    PreferenceEdit,
    PreferenceFields,
    RecipientEdit,
    RecipientFields,
)
from clarion.errors import InvalidInput, shown
from clarion.event import DEFAULT_TENANT, instant, required_text
from clarion.names import Names
from clarion.store import choices, directory, people, personal, roster
from clarion.store.database import Database
from clarion.store.directory import Listed

CHUNK = 1000  # recipients in one transaction: a page of a fan-out waits no longer than that


class Recipients:
    """What an application does about its recipients. Everything but `upsert` needs one that exists."""

    def __init__(self, database: Database, names: Names) -> None:
        self._database = database
        self._names = names

    @property
    def channels(self) -> set[str]:
        """All that an address, or a preference, may be of."""
        return self._names.channels

    # ── Who there is ─────────────────────────────────────────────────────────────────────────────────────

    def upsert(
        self,
        id: str,
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
        **fields: Unpack[RecipientFields],
    ) -> None:
        """Write a recipient in part. One who is new has an empty name, UTC, is active and has everything enabled.

        `addresses` (channel → value or values) and `roles`, where they are given, are those and no others;
        `addresses_on` some channels leaves alone what there is on others.
        """
        self._write([self._checked({**fields, "id": id})], tenant, by, create=True)

    def upsert_many(
        self, people: Iterable[RecipientEdit], *, by: str | None = None, tenant: str = DEFAULT_TENANT
    ) -> int:
        """`upsert` for any number, each a mapping of its arguments; how many.

        Every thousand is a transaction of its own: where one cannot be written, the error names the recipient,
        and those before its thousand are written. The same again changes nothing.
        """
        count = 0
        for some in _chunks(self._checked(fields) for fields in people):
            self._write(some, tenant, by, create=True)
            count += len(some)
        return count

    def check(self, person: RecipientEdit) -> None:
        """Raises what `upsert_many` would of this one, and writes nothing."""
        self._checked(person)

    def _checked(self, person: Mapping[str, Any]) -> Edit:
        """What is to be written, with mail addresses that take mail: a wrong one is found now, and not when it is told."""
        made = edit.of_recipient(person, self._names)
        for address in made.addresses or ():
            try:
                addresses.check(address)
            except InvalidInput as error:
                raise InvalidInput(f"recipient {shown(made.recipient)}: {error}") from None
        return made

    def deactivate(self, id: str, *, tenant: str = DEFAULT_TENANT) -> None:
        """Nothing reaches this recipient any more, until `upsert(id, active=True)`; all that was said stays."""
        self._write([Edit(recipient=id, own={"active": False})], tenant, None)

    def seen(self, id: str, at: datetime | None = None, *, tenant: str = DEFAULT_TENANT) -> None:
        """This recipient was there just now, or `at`: who is active lately is asked of it. Never goes backwards."""
        when = instant("at", at) or clock.now()
        self._database.run(lambda conn: roster.seen(conn, tenant, id, when))

    def find(
        self,
        search: str | None = None,
        *,
        active: bool | None = None,
        role: str | None = None,
        after: str | None = None,
        most: int = 100,
        tenant: str = DEFAULT_TENANT,
    ) -> list[Listed]:
        """Who there is, by id, with addresses and roles; `after` an id, those that follow it.

        `search`: how id, name or an address begins, whatever the case. Goes through the tenant's recipients until
        it has found so many.
        """
        return self._database.read(
            lambda conn: directory.read(
                conn, tenant, search=search, active=active, role=role, after=after, most=most
            )
        )

    def page(
        self,
        search: str | None = None,
        *,
        active: bool | None = None,
        after: str | None = None,
        most: int = 50,
        look_at: int = 20_000,
        tenant: str = DEFAULT_TENANT,
    ) -> tuple[list[Listed], str | None]:
        """`find` in a bounded time: of the next so many recipients; and the id behind which to go on, if there are more."""
        return self._database.read(
            lambda conn: directory.page(
                conn, tenant, search=search, active=active, after=after, most=most, look_at=look_at
            )
        )

    def get(self, id: str, *, tenant: str = DEFAULT_TENANT) -> Listed | None:
        """One of them, if there is one of this id."""
        return self._database.read(lambda conn: directory.one(conn, tenant, id))

    # ── What they follow ─────────────────────────────────────────────────────────────────────────────────

    def subscribe(
        self,
        recipient: str,
        *topics: str,
        reason: str | None = None,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Let this recipient be told of what happens to these topics; `reason`: why, `subscribed` if unsaid."""
        values = {"subscribed": True, **({} if reason is None else {"reason": reason})}
        self._write([edit.of_topics(recipient, topics, values)], tenant, by)

    def unsubscribe(
        self, recipient: str, *topics: str, by: str | None = None, tenant: str = DEFAULT_TENANT
    ) -> None:
        """What was said of the level, and the mute, stay."""
        values = {"subscribed": False, "reason": None}
        self._write([edit.of_topics(recipient, topics, values)], tenant, by)

    def watch(
        self,
        recipient: str,
        topic: str,
        level: str | None,
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """How closely to follow a topic, a thread or a subject: `all` (and subscribe), `participating`, `mentions`
        or `none`."""
        values = {"level": level, **({"subscribed": True} if level == "all" else {})}
        self._write([edit.of_topics(recipient, [topic], values)], tenant, by)

    def mute(
        self,
        recipient: str,
        topic: str,
        until: datetime | None = None,
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Hear nothing of a topic, a thread or a subject, until then or for good. Mentions do not pass it."""
        values = {"muted_until": edit.ahead("until", until)}
        self._write([edit.of_topics(recipient, [topic], values)], tenant, by)

    def unmute(
        self, recipient: str, topic: str, *, by: str | None = None, tenant: str = DEFAULT_TENANT
    ) -> None:
        self._write([edit.of_topics(recipient, [topic], {"muted_until": None})], tenant, by)

    # ── What they want to be told, where and when ────────────────────────────────────────────────────────

    def prefer(
        self,
        recipient: str,
        scope: str,
        *,
        channel: str = "*",
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
        **said: Unpack[PreferenceFields],
    ) -> None:
        """Say something of `type:…`, `category:…` or `*`, on one channel or on all.

        A required type passes what is said of its category or of everything; of the type itself nothing can be said.
        """
        change: PreferenceEdit = {**said, "scope": scope, "channel": channel}
        self.prefer_many(recipient, [change], by=by, tenant=tenant)

    def prefer_many(
        self,
        recipient: str,
        changes: Iterable[PreferenceEdit],
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Several at once, each a mapping of the arguments of `prefer`: all of them or none."""
        self._write([edit.of_preferences(recipient, changes, self._names)], tenant, by)

    def configure(
        self,
        recipient: str,
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
        **said: Unpack[ConfigurationFields],
    ) -> None:
        """The global switch, quiet hours, tags and the time zone in which quiet hours are meant.

        `quiet_hours`: `{"weekdays": ["22:00-07:00"], "passes": "urgent"}`. `tags`: `{"include": ["team:*"],
        "exclude": ["noise"]}`.
        """
        self._write([edit.of_configuration(recipient, said)], tenant, by)

    def choose(
        self,
        recipient: str,
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
        **said: Unpack[ChoiceFields],
    ) -> None:
        """All of `configure`, `prefer_many`, `silence` and of what is said of topics, at once: all of it or nothing."""
        self._write([edit.of_choices(recipient, said, self._names)], tenant, by)

    def silence(
        self,
        recipient: str,
        until: datetime | None = None,
        *,
        by: str | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> None:
        """Nothing but required types until then, or until `resume`. What is not told meanwhile is not told later."""
        self._write([edit.of_silence(recipient, edit.ahead("until", until))], tenant, by)

    def resume(self, recipient: str, *, by: str | None = None, tenant: str = DEFAULT_TENANT) -> None:
        self._write([edit.of_silence(recipient, None)], tenant, by)

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────

    def said(self, recipient: str, *, tenant: str = DEFAULT_TENANT) -> Configuration:
        """All that this recipient said, and what follows from it for every type on every channel."""

        def read(conn: Connection) -> Configuration:
            known = people.read(conn, [(tenant, recipient)], ())[tenant]
            person = known.recipients.get(recipient)
            if person is None:
                raise roster.unknown(tenant, recipient)
            said = choices.preferences_of(conn, tenant, recipient)
            where: dict[str, tuple[str, ...]] = {}
            for address in known.addresses.get(recipient, ()):
                where[address.channel] = (*where.get(address.channel, ()), address.value)
            return Configuration(
                recipient=person,
                addresses=where,
                roles=tuple(roster.roles_of(conn, tenant, recipient)),
                preferences=tuple(said),
                topics=tuple(choices.topics_of(conn, tenant, recipient)),
                types=configuration.resolve(self._names.types.values(), self._names.channels, person, said),
            )

        return self._database.read(read)

    def history(
        self,
        recipient: str,
        *,
        most: int = 100,
        before: int | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> list[Entry]:
        """Who changed what of this recipient's choices, and when, the newest first; `before` an entry's `n`."""
        return self._database.read(
            lambda conn: choices.history(conn, tenant, recipient, most=most, before=before)
        )

    # ── Personal data ────────────────────────────────────────────────────────────────────────────────────

    def export(self, recipient: str, *, tenant: str = DEFAULT_TENANT) -> dict[str, list[dict[str, Any]]]:
        """All that is kept about one person, by table, as plain JSON. Raises `NotFound`."""

        def read(conn: Connection) -> dict[str, list[dict[str, Any]]]:
            return personal.export(conn, tenant, self._person(conn, tenant, recipient))

        return self._database.read(read)

    def erase(self, recipient: str, *, tenant: str = DEFAULT_TENANT) -> dict[str, int]:
        """Erase all that is kept about one person; how many rows, by table. Tell nobody of them from then on.

        Events stay for others, without whom they were by or named. What the application itself names things by,
        such as `subject`, `thread` and `key`, stays as it is. Raises `NotFound`.
        """
        person = self._database.read(lambda conn: self._person(conn, tenant, recipient))
        scrubbed, after, more = 0, None, True
        while more:
            done, after = self._database.run(
                lambda conn, at=after: personal.scrub(conn, tenant, person, at)  # type: ignore[misc]  # bound here
            )
            scrubbed, more = scrubbed + done, after is not None
        gone = self._database.run(lambda conn: personal.erase(conn, tenant, person))
        return {**gone, **({"events": scrubbed} if scrubbed else {})}

    @staticmethod
    def _person(conn: Connection, tenant: str, recipient: str) -> personal.Person:
        found = personal.find(conn, tenant, recipient)
        if found is None:
            raise roster.unknown(tenant, recipient)
        return found

    def _write(self, edits: list[Edit], tenant: str, by: str | None, *, create: bool = False) -> None:
        author = None if by is None else required_text("by", by)
        self._database.run(lambda conn: roster.write(conn, tenant, edits, by=author, create=create))


def _chunks(edits: Iterable[Edit]) -> Iterator[list[Edit]]:
    """At most a thousand at once, and nobody twice: the second comes after the first."""
    some: dict[str, Edit] = {}
    for one in edits:
        if len(some) == CHUNK or one.recipient in some:
            yield list(some.values())
            some = {}
        some[one.recipient] = one
    if some:
        yield list(some.values())
