"""What goes when the events are gone: digests, withdrawals, silences, one-off addresses."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clarion import clock, event
from clarion.circumstances import Candidate
from clarion.lane import Lanes
from clarion.plan import plan
from clarion.recipient import Address
from clarion.store import (
    events,
    notifications,
    people,
    silences,
)
from clarion.store import schema as s
from clarion.store.database import Database
from tests.store.make import CHANNEL, LONG_AGO, merged
from tests.store.past import (
    DAY,
    Ago,
    change,
    dangling,
    deliver,
    digest_of,
    number,
    prune,
    settle,
    tell,
    told_and_sent,
)
from tests.store.test_withdrawals import apply_all, take_back


def test_digests_go_when_all_in_them_are_gone(db: Database, ago: Ago) -> None:
    ago(50)
    first = told_and_sent(db, "bob")
    ago(40)
    second = told_and_sent(db, "bob")
    id = digest_of(db, first, second)
    change(db, s.digests, closed_at=clock.now())
    deliver(db, id)
    db.run(lambda conn: conn.execute(sa.update(s.queue).values(lane="default")))
    ago(25)
    prune(db)
    assert number(db, s.digest_members) == 2
    settle(db)
    ago(0)
    assert prune(db) == {}
    ago(-10)
    gone = prune(db)
    assert (gone["digests"], gone["digest_members"], gone["deliveries"]) == (1, 2, 3)
    assert dangling(db) == []


def test_withdrawals_go_when_nothing_is_left_to_bear_on(db: Database, ago: Ago) -> None:
    ago(40)
    told_and_sent(db, "bob", subject="cl/1")
    tell(db, "bob", subject="cl/2")
    for subject in ("cl/1", "cl/2", "cl/3"):
        take_back(db, "subject", subject, "carol")
    ago(39)
    apply_all(db)
    take_back(db, "subject", "cl/4")
    ago(0)
    prune(db)
    left = db.read(lambda conn: conn.execute(sa.select(s.withdrawals.c.subject)).scalars().all())
    assert sorted(map(str, left)) == ["cl/2", "cl/4"]


def test_silences_that_have_ended(db: Database, ago: Ago) -> None:
    from clarion import silence

    def say(days: int) -> None:
        said = silence.make(
            {"type": "x"}, author="a", comment="c", starts=None, until=clock.now() + days * DAY
        )
        db.run(lambda conn: silences.add(conn, "default", said))

    ago(50)
    for days in (5, 30, 90):
        say(days)
    ago(0)
    assert prune(db) == {"silences": 1}


def test_one_off_addresses_that_nobody_needs(db: Database, ago: Ago) -> None:
    def use(*values: str) -> None:
        wanted = [Address(CHANNEL, value, locale) for value in values for locale in ("fr", None)]
        db.run(lambda conn: people.ensure_one_off(conn, "default", wanted))

    def told_by_mail(value: str) -> None:
        use(value)
        at = Address(CHANNEL, value)

        def work(conn: Connection) -> None:
            made = event.make("cl.merged", {"to": [at]})
            events.emit(conn, [made])
            facts = people.read(conn, [("default", at.recipient)], ())["default"].facts({CHANNEL: LONG_AGO})
            answers = plan(made, merged, [Candidate(at.recipient, "direct", one_off=at)], facts, clock.now())
            notifications.write(
                conn, [(made, merged.max_age, answers)], clock.now(), lanes=Lanes({}), fresh=True
            )
            conn.execute(sa.update(s.events).values(due_at=None))

        db.run(work)

    ago(40)
    use("used@a.test", "again@a.test", "dead@a.test")
    told_by_mail("told@a.test")
    settle(db)
    told_by_mail("waits@a.test")
    dead = s.addresses.c.value == "dead@a.test"
    db.run(lambda c: c.execute(sa.update(s.addresses).where(dead).values(gone_at=clock.now())))
    ago(10)
    use("again@a.test")
    ago(0)
    gone = prune(db, most=8)
    assert (gone["events"], gone["addresses"]) == (1, 2)
    left = db.read(lambda conn: conn.execute(sa.select(s.addresses.c.value)).scalars().all())
    assert sorted(left) == ["again@a.test", "dead@a.test", "waits@a.test"]
    assert dangling(db) == []
