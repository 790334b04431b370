"""kill -9 of a worker at each step: nothing is lost, and no more is doubled than was in flight."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clarion import Clarion
from clarion.demo.catcher import received
from clarion.store.schema import deliveries, events, notifications, outcomes
from tests.support.acme import Plan, application
from tests.support.children import Children, stop, wait_killed
from tests.support.working import (
    await_true,
    count,
    crowd,
    done,
    emit,
    no_duplicates,
    results,
    subscribed,
)

LEASE = 2.0
SHORT = {"lease": timedelta(seconds=LEASE), "concurrency": 4, "batch": 8}
FIRST_BACK_OFF = 1.0


def ids_on_the_wire(clarion: Clarion, *, lost: bool = False) -> set[str]:
    """The Message-ID of every delivery; or of those that were in somebody's hands when it died."""
    wanted = sa.select(deliveries.c.id)
    if lost:
        wanted = sa.select(outcomes.c.delivery_id).where(outcomes.c.result == "lost")
    ids = clarion.database.read(lambda conn: conn.execute(wanted).scalars().all())
    return {f"<{id}@acme.test>" for id in ids}


@pytest.mark.parametrize(
    "point", ["claiming", "claimed", "rendered", "sending", "sent", "settling", "settled"]
)
def test_a_sender_killed_at_each_step(
    mailing: Clarion, database_url: str, mails: tuple[str, Path], started: Children, point: str
) -> None:
    url, kept = mails
    emit(mailing, "mailed", to=crowd(mailing, 6, channel="email"))
    plan = Plan(database=database_url, smtp=url, limits=SHORT)
    wait_killed(started.start(Plan(database=database_url, smtp=url, limits=SHORT, fail_at=point)))
    killed_at = datetime.now(UTC)

    healthy = started.start_ready(plan)
    late = max(killed_at + timedelta(seconds=LEASE), datetime.now(UTC))
    await_true(lambda: done(mailing))
    stop(healthy)
    mails_ = Counter(mail.message_id for mail in received(kept))
    assert set(mails_) == ids_on_the_wire(mailing), "lost"
    doubled = {id for id, times in mails_.items() if times > 1}
    assert doubled <= ids_on_the_wire(mailing, lost=True), "doubled without cause"
    if point in {"claiming", "claimed", "rendered", "sending"}:
        assert not doubled
    if point in {"sent", "settling"}:
        assert doubled
    assert max(mails_.values()) <= 2
    assert results(mailing) == {"sent": 6}
    no_duplicates(mailing)
    lost = mailing.database.read(
        lambda conn: conn.execute(sa.select(outcomes.c.at).where(outcomes.c.result == "lost")).scalars().all()
    )
    if point not in {"claiming", "settled"}:
        assert lost
    # Found within a poll of its lease's end, and due again a back-off after that.
    assert all(at < late + timedelta(seconds=1) for at in lost)
    last = max(mail.received_at for mail in received(kept))
    assert last < late + timedelta(seconds=FIRST_BACK_OFF + 1 + 4), "due again in time"


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("event claimed", 1),
        ("resolving", 1),
        ("writing a page", 3),
        ("between pages", 2),
        ("between pages", 7),
        ("finishing", 1),
    ],
)
def test_a_fan_out_killed_at_each_step(database_url: str, started: Children, point: str, nth: int) -> None:
    """150 named by a resolver, 200 followers, pages of 40: everybody once, with the strongest reason."""
    short = {"lease": timedelta(seconds=LEASE), "page": 40}
    clarion = application(Plan(database=database_url))
    clarion.start()
    ids = [f"p{n:05}" for n in range(200)]

    def follow(conn: sa.Connection) -> None:
        subscribed(conn, "repo", ids)

    clarion.database.run(follow)
    event = emit(clarion, "walked", to={"author": ["p00007", "p00066"]}, topic="repo")
    wait_killed(started.start(Plan(database=database_url, limits=short, fail_at=point, nth=nth)))
    killed_at = time.monotonic()
    had = count(clarion, notifications)
    assert had == {"event claimed": 0, "resolving": 0, "finishing": 200}.get(point, min(40 * nth, had))

    healthy = started.start_ready(Plan(database=database_url, limits=short))
    late = max(killed_at + LEASE, time.monotonic())
    await_true(lambda: done(clarion))
    assert time.monotonic() < late + FIRST_BACK_OFF + 1 + 4
    stop(healthy)
    expected = dict.fromkeys(ids, "subscribed")
    expected |= {f"p{n:05}": "participant" for n in range(120)}
    expected |= {"p00007": "author"}
    expected |= {f"p{n:05}": "mention" for n in range(60, 150, 3)}
    assert {told.recipient: told.reason for told in clarion.status(event)} == expected
    no_duplicates(clarion)
    row = clarion.database.read(lambda conn: conn.execute(sa.select(events)).one())
    assert (row.losses, row.failure) == (1, None)
    clarion.close()
