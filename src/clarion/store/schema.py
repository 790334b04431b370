"""Every table of Clarion. `docs/schema.md` explains them and keeps the measurements.

`tenant` leads every key of a tenant's data; `event_types`, `type_channels`, `pauses`, `meters` and `permits` belong to
the whole installation, and the change feed is numbered for all of it. There are no foreign keys: each would cost a look-up per row on the hottest inserts; rows are
only ever removed by retention, from the leaves up.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from clarion.store.types import Bytewise, Instant, Json

PREFIX = "clarion_"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# A row that is inserted, claimed and deleted within seconds: room for HOT updates, and vacuumed early.
_HOT_TABLE = {
    "fillfactor": 50,
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 1000,
    "autovacuum_vacuum_cost_delay": 0,
}


def _key(*columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*columns)


def _index(name: str, *columns: Column[object], unique: bool = False, where: str | None = None) -> Index:
    condition = None if where is None else text(where)
    return Index(
        f"ix_{PREFIX}{name}", *columns, unique=unique, postgresql_where=condition, sqlite_where=condition
    )


def _emission() -> list[Column[object]]:
    """What `emit` writes: the same columns in `events` and in an `outbox` in another database."""
    return [
        Column("tenant", Text, nullable=False),
        Column("id", Uuid, nullable=False),
        Column("type", Text, nullable=False),
        Column("emitted_at", Instant, nullable=False),
        Column("at", Instant, nullable=False),
        Column("actor", Text),
        Column("subject", Text),
        Column("thread", Text),
        Column("to", Json, nullable=False),
        Column("topic", Text),
        Column("severity", SmallInteger),
        Column("key", Text),
        Column("condition", Text),
        Column("tags", Json, nullable=False),
        Column("channels", Json),
        Column("data", Json, nullable=False),
        Column("url", Text),
        Column("expires_at", Instant),
        Column("correlation_id", Text, nullable=False),
        Column("body_hash", Text, nullable=False),
        Column("trace_context", Json),  # traceparent and tracestate, where spans are taken
    ]


def _change() -> list[Column[object]]:
    """What a row of the change feed says: `row_id` is the notification's, or the delivery's."""
    return [
        Column("tenant", Text, nullable=False),
        Column("at", Instant, nullable=False),
        Column("kind", Text, nullable=False),
        Column("recipient", Text),
        Column("row_id", Uuid),
        Column("body", Json),
    ]


def _tally() -> list[Column[object]]:
    """What is counted: see `tally`. Empty is what does not apply."""
    return [
        Column("tenant", Text, nullable=False),
        Column("minute", Integer, nullable=False, autoincrement=False),
        Column("what", Text, nullable=False),
        Column("channel", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("code", Text, nullable=False),
        Column("number", BigInteger, nullable=False, autoincrement=False),
    ]


# ── What happened ────────────────────────────────────────────────────────────────────────────────────────

# The event, and how far its fan-out is. `due_at` is when to walk on; NULL when all have been decided on.
events = Table(
    PREFIX + "events",
    metadata,
    *_emission(),
    Column("due_at", Instant),
    Column("lease_until", Instant),
    Column("walks", Integer, nullable=False, server_default=text("0")),  # claims so far; fences late pages
    Column(
        "failures", SmallInteger, nullable=False, server_default=text("0")
    ),  # the application's code raised
    Column("losses", SmallInteger, nullable=False, server_default=text("0")),  # its process died
    Column("cursor", Text),  # how far each of its crowds is decided on: see `workers.pages`
    Column("failure", Text),  # why the walk was given up
    Column("walked_at", Instant),  # when the walk came to its end
    Column("withdrawn_at", Instant),  # what it was about is gone
    Column("resolved_at", Instant),  # its condition has ended
    Column("repeat_of", Uuid),  # of a condition that was open: counted there, told to nobody
    _key("tenant", "id"),
)
_index("events_key", events.c.tenant, events.c.key, unique=True, where="key IS NOT NULL")
_index("events_due", events.c.tenant, events.c.due_at, where="due_at IS NOT NULL AND losses = 0")
_index("events_lost", events.c.due_at, where="due_at IS NOT NULL AND losses > 0")
_index("events_subject", events.c.tenant, events.c.subject, events.c.id, where="subject IS NOT NULL")
_index("events_thread", events.c.tenant, events.c.thread, events.c.id, where="thread IS NOT NULL")
# Of those that say a condition again only the condition knows: a resolution need not look at a million of them.
_index(
    "events_condition",
    events.c.tenant,
    events.c.condition,
    events.c.id,
    where="condition IS NOT NULL AND repeat_of IS NULL",
)
FAILURE = "failure IS NOT NULL"
_index("events_failure", events.c.tenant, events.c.id, where=FAILURE)
# Where the application said none it is the event's id, which has an index.
CORRELATED = "replace(correlation_id, '-', '') <> replace(CAST(id AS TEXT), '-', '')"
_index("events_correlation", events.c.tenant, events.c.correlation_id, events.c.id, where=CORRELATED)

# Taking back, written in the caller's own transaction as an event is: one event, all about a subject (for one
# recipient or for all), or a condition that has ended. It bears on the events with an id below its own; senders and
# fan-out look here, and a worker applies it to what was decided before.
withdrawals = Table(
    PREFIX + "withdrawals",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("event_id", Uuid),
    Column("subject", Text),
    Column("condition", Text),
    Column("recipient", Text),
    Column("at", Instant, nullable=False),
    Column("applied_at", Instant),
    _key("tenant", "id"),
    CheckConstraint(
        "(CASE WHEN event_id IS NULL THEN 0 ELSE 1 END + CASE WHEN subject IS NULL THEN 0 ELSE 1 END"
        " + CASE WHEN condition IS NULL THEN 0 ELSE 1 END) = 1",
        name="one_target",
    ),
)
_index("withdrawals_event", withdrawals.c.tenant, withdrawals.c.event_id, where="event_id IS NOT NULL")
_index(
    "withdrawals_subject",
    withdrawals.c.tenant,
    withdrawals.c.subject,
    withdrawals.c.id,
    where="subject IS NOT NULL",
)
_index(
    "withdrawals_condition",
    withdrawals.c.tenant,
    withdrawals.c.condition,
    withdrawals.c.id,
    where="condition IS NOT NULL",
)
_index("withdrawals_pending", withdrawals.c.id, where="applied_at IS NULL")

# A state of the world that an event opened; unique only while it is open.
conditions = Table(
    PREFIX + "conditions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("condition", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),  # the one that opened it
    Column("severity", SmallInteger, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("repeats", Integer, nullable=False, server_default=text("0")),
    Column("last_at", Instant, nullable=False),
    Column("escalations", SmallInteger, nullable=False, server_default=text("0")),  # steps taken
    Column("escalated_by", Uuid),  # the event that told of the last one
    Column("escalate_at", Instant),  # when the next step is due by time
    Column("resolved_at", Instant),
    _key("tenant", "id"),
)
_index(
    "conditions_open", conditions.c.tenant, conditions.c.condition, unique=True, where="resolved_at IS NULL"
)
_index("conditions_event", conditions.c.tenant, conditions.c.event_id)
_index(
    "conditions_escalate", conditions.c.escalate_at, where="resolved_at IS NULL AND escalate_at IS NOT NULL"
)

# Events that recur; upkeep emits one when `next_at` has come.
schedules = Table(
    PREFIX + "schedules",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("cron", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("event", Json, nullable=False),
    Column("next_at", Instant),
    _key("tenant", "name"),
)
_index("schedules_next", schedules.c.next_at, where="next_at IS NOT NULL")

# ── What is known of people ──────────────────────────────────────────────────────────────────────────────

recipients = Table(
    PREFIX + "recipients",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text),
    Column("locale", Text),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("active", Boolean, nullable=False, server_default=text("TRUE")),
    Column("enabled", Boolean, nullable=False, server_default=text("TRUE")),  # the global switch
    Column("silent_until", Instant),
    Column("quiet_hours", Json),
    Column("tags", Json),  # to include, then to exclude
    Column("last_active_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _key("tenant", "id"),
)

recipient_roles = Table(
    PREFIX + "recipient_roles",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    _key("tenant", "role", "recipient"),
)
_index("recipient_roles_recipient", recipient_roles.c.tenant, recipient_roles.c.recipient)

# Where a recipient is reached. A one-off address is its own recipient: `email:a@b.test`.
addresses = Table(
    PREFIX + "addresses",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("locale", Text),
    Column("secret", LargeBinary),  # encrypted
    Column("gone_at", Instant),
    Column("gone_reason", Text),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),  # of a one-off: when it was last in an audience
    _key("tenant", "id"),
)
_index(
    "addresses_value",
    addresses.c.tenant,
    addresses.c.recipient,
    addresses.c.channel,
    addresses.c.value,
    unique=True,
)
# How a value begins is asked byte by byte, whatever the language of the database.
Index(
    f"ix_{PREFIX}addresses_begin",
    addresses.c.tenant,
    addresses.c.value,
    postgresql_ops={"value": "text_pattern_ops"},
)
GONE = "gone_at IS NOT NULL"
_index("addresses_gone", addresses.c.tenant, addresses.c.id, where=GONE)
ONE_OFF = "used_at IS NOT NULL"
_index("addresses_one_off", addresses.c.tenant, addresses.c.id, where=ONE_OFF)

preferences = Table(
    PREFIX + "preferences",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("scope", Text, nullable=False),  # "type:…", "category:…" or "*"
    Column("channel", Text, nullable=False, server_default="*"),
    Column("enabled", Boolean),
    Column("channels", Json),
    Column("min_severity", SmallInteger),
    Column("mode", Text),
    Column("changed_at", Instant, nullable=False),
    _key("tenant", "recipient", "scope", "channel"),
)

# What a recipient said before and after each change, numbered under the lock of the recipient's row.
preference_changes = Table(
    PREFIX + "preference_changes",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    _key("tenant", "recipient", "n"),
)

# Who follows a topic, and how closely: a thread is a topic too. Each value alone may be unsaid.
subscriptions = Table(
    PREFIX + "subscriptions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subscribed", Boolean, nullable=False, server_default=text("TRUE")),  # is in its audience
    Column("level", Text),
    Column("muted_until", Instant),
    Column("reason", Text),
    Column("created_at", Instant, nullable=False),
    _key("tenant", "topic", "recipient"),
    CheckConstraint("level IN ('all', 'participating', 'mentions', 'none')", name="level"),
)
_index("subscriptions_recipient", subscriptions.c.tenant, subscriptions.c.recipient)

# ── What was decided ─────────────────────────────────────────────────────────────────────────────────────

# One event for one recipient. `verdicts` holds what was not "pass"; `gates` has a bit for each gate in it.
notifications = Table(
    PREFIX + "notifications",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("thread", Text),  # its event's
    Column("place", Uuid, nullable=False),  # in the order of the inbox: the id, until it comes once more
    Column("reason", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("question", Integer, nullable=False),
    Column("visible", Boolean, nullable=False),
    Column("gates", BigInteger, nullable=False, server_default=text("0")),
    Column("verdicts", Json),
    Column("created_at", Instant, nullable=False),
    Column("decided_at", Instant),  # when it was decided on again, because there was room for it
    Column("seen_at", Instant),
    Column("read_at", Instant),
    Column("done_at", Instant),
    Column("saved_at", Instant),
    Column("snoozed_until", Instant),
    Column("deleted_at", Instant),
    Column("resolved_at", Instant),
    Column("withdrawn_at", Instant),
    _key("tenant", "id"),
)
# Written into queries as they stand here: SQLite takes a partial index only for the very same words.
SHOWN = "visible AND withdrawn_at IS NULL AND deleted_at IS NULL"
INBOX = f"{SHOWN} AND done_at IS NULL AND snoozed_until IS NULL"
UNREAD = f"{INBOX} AND read_at IS NULL"
THREADED = f"{INBOX} AND thread IS NOT NULL"
DONE = f"{SHOWN} AND done_at IS NOT NULL"
SAVED = f"{SHOWN} AND saved_at IS NOT NULL"
SNOOZED = f"{SHOWN} AND snoozed_until IS NOT NULL"
HIDDEN = "(NOT visible OR withdrawn_at IS NOT NULL OR deleted_at IS NOT NULL)"  # all that is not shown
RETURNING = "snoozed_until IS NOT NULL"
REFUSED = "gates <> 0"
BLOCKED = "(gates & 786432) <> 0"  # by a cooldown or a throttle: see `gates.BITS`
_index(
    "notifications_event",
    notifications.c.tenant,
    notifications.c.event_id,
    notifications.c.recipient,
    unique=True,
)
_of_one = (notifications.c.tenant, notifications.c.recipient)
_index("notifications_inbox", *_of_one, notifications.c.place, where=INBOX)
_index("notifications_unread", *_of_one, notifications.c.place, notifications.c.seen_at, where=UNREAD)
_index("notifications_thread", *_of_one, notifications.c.thread, notifications.c.place, where=THREADED)
_index("notifications_done", *_of_one, notifications.c.place, where=DONE)
_index("notifications_saved", *_of_one, notifications.c.place, where=SAVED)
_index("notifications_snoozed", *_of_one, notifications.c.place, where=SNOOZED)
_index("notifications_hidden", *_of_one, notifications.c.place, where=HIDDEN)
_index("notifications_returning", notifications.c.snoozed_until, where=RETURNING)
_index("notifications_gates", notifications.c.tenant, notifications.c.id, where=REFUSED)
_index(
    "notifications_blocked",
    notifications.c.tenant,
    notifications.c.recipient,
    notifications.c.id,
    where=BLOCKED,
)

# What a gate was asked, once per distinct question of an event: `explain` decides it again.
questions = Table(
    PREFIX + "questions",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("n", Integer, nullable=False),
    Column("question", Json, nullable=False),
    _key("tenant", "event_id", "n"),
)

# A place in a cooldown (n = 0) or throttle (n < limit) window, held by a notification on some channels. Taken while
# its holder waits or is being sent (`until` is NULL), and until `until` once it was sent. `blocked_since`: it has
# stopped somebody, of whom the first was decided on then; if its holder ends unsent, `freed_at` says so until they
# were decided on again.
slots = Table(
    PREFIX + "slots",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("n", SmallInteger, nullable=False),
    Column("holder", Uuid, nullable=False),
    Column("channels", Json),  # NULL: all
    Column("window_ms", BigInteger, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("until", Instant),
    Column("blocked_since", Instant),
    Column("freed_at", Instant),
    _key("tenant", "recipient", "key", "severity", "n"),
    postgresql_with={"fillfactor": 80},
)
_index("slots_holder", slots.c.tenant, slots.c.holder)
_index("slots_freed", slots.c.freed_at, where="freed_at IS NOT NULL")

# Many notifications for one delivery. Unique while open; locked while members join.
digests = Table(
    PREFIX + "digests",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("closed_at", Instant),
    _key("tenant", "id"),
)
_index(
    "digests_open",
    digests.c.tenant,
    digests.c.recipient,
    digests.c.channel,
    digests.c.key,
    unique=True,
    where="closed_at IS NULL",
)

digest_members = Table(
    PREFIX + "digest_members",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("digest_id", Uuid, nullable=False),
    Column("notification_id", Uuid, nullable=False),
    _key("tenant", "digest_id", "notification_id"),
)
_index("digest_members_notification", digest_members.c.tenant, digest_members.c.notification_id)

# ── What is sent: what it is · what is left to do · what happened ────────────────────────────────────────

# Inserted once, never changed. The sender reads the address's current value.
deliveries = Table(
    PREFIX + "deliveries",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("notification_id", Uuid),
    Column("digest_id", Uuid),
    Column("channel", Text, nullable=False),
    Column("address_id", Uuid, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),  # the type's max_age, from when it was due
    _key("tenant", "id"),
    CheckConstraint("(notification_id IS NULL) <> (digest_id IS NULL)", name="one_origin"),
)
_index(
    "deliveries_notification",
    deliveries.c.tenant,
    deliveries.c.notification_id,
    deliveries.c.channel,
    deliveries.c.address_id,
    unique=True,
    where="notification_id IS NOT NULL",
)
_index(
    "deliveries_digest",
    deliveries.c.tenant,
    deliveries.c.digest_id,
    unique=True,
    where="digest_id IS NOT NULL",
)

# What waits or is being sent, and nothing else. `lease_until` is in no index, so that a claim is a HOT
# update; `claims` grows with each claim and fences late settling. Rows that have lost a lease stand in an
# index of their own: they are claimed alone.
queue = Table(
    PREFIX + "queue",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("lane", Bytewise, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("due_since", Instant),  # where a try that came to nothing put `due_at` off: when it was due first
    Column("lease_until", Instant),
    Column("claims", Integer, nullable=False, server_default=text("0")),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("losses", SmallInteger, nullable=False, server_default=text("0")),
    Column("cancelled", Boolean, nullable=False, server_default=text("FALSE")),
    Column("cancel_code", Text),  # why, for the outcome of what was being sent meanwhile
    Column(
        "slots", SmallInteger, nullable=False, server_default=text("0")
    ),  # FREE, HOLDS or OWES: see `slot`
    Column(
        "aged_from", Instant
    ),  # the type's max_age counts from here, where a person replayed what was older
    _key("tenant", "delivery_id"),
    postgresql_with=_HOT_TABLE,
)
_index("queue_due", queue.c.channel, queue.c.lane, queue.c.priority, queue.c.due_at, where="losses = 0")
_index("queue_lost", queue.c.channel, queue.c.due_at, where="losses > 0")

RESULTS = (
    "sent",
    "retry",
    "failed",
    "down",
    "given_back",
    "held",
    "lost",
    "replayed",
    "cancelled",
    "suppressed",
)

# One row per claim that ended, exactly one of them final once the delivery has left the queue; and one per replay,
# which makes the end of before an outcome among others.
outcomes = Table(
    PREFIX + "outcomes",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("result", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("duration_ms", Integer),
    Column("receipt", Text),
    _key("tenant", "delivery_id", "claim"),
    CheckConstraint("result IN ({})".format(", ".join(f"'{r}'" for r in RESULTS)), name="result"),
)
FAILED = "final AND result = 'failed'"
_index(
    "outcomes_failed",
    outcomes.c.tenant,
    outcomes.c.at,
    outcomes.c.delivery_id,
    outcomes.c.code,
    where=FAILED,
)

# How often what happened, in each minute: what is counted is written with what happens, and nobody waits for another.
# `minute` counts from 1970.
unfolded_tallies = Table(
    PREFIX + "unfolded_tallies",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    *_tally(),
    _key("id"),
    postgresql_with={name: value for name, value in _HOT_TABLE.items() if name != "fillfactor"},
)

# The same, folded by upkeep: for each minute, quarter of an hour, hour and day, which are so many `minutes` and begin at `minute`.
tallies = Table(
    PREFIX + "tallies",
    metadata,
    *_tally(),
    Column("minutes", Integer, nullable=False, autoincrement=False),
    _key("tenant", "minutes", "minute", "what", "channel", "type", "code"),
    postgresql_with={"fillfactor": 80},
)
_index("tallies_old", tallies.c.minutes, tallies.c.minute)

# ── What operators and the application declare ───────────────────────────────────────────────────────────

event_types = Table(
    PREFIX + "event_types",
    metadata,
    Column("code", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("channels", Json, nullable=False),
    Column("required", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("options", Json, nullable=False),
    Column("version", Text, nullable=False),  # of the application, in a form that sorts
    Column("declared_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _key("code"),
)

# Since when a type may go out on a channel: what was emitted before is history, and is not sent.
type_channels = Table(
    PREFIX + "type_channels",
    metadata,
    Column("type", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("enabled_since", Instant, nullable=False),
    _key("type", "channel"),
)

silences = Table(
    PREFIX + "silences",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("matches", Json, nullable=False),
    Column("author", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    _key("tenant", "id"),
)
_index("silences_ends", silences.c.tenant, silences.c.ends_at)

# A channel, or one lane of it, that is not tried before `until`; the lane of a whole channel is empty.
pauses = Table(
    PREFIX + "pauses",
    metadata,
    Column("channel", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("probes", Integer, nullable=False, server_default=text("0")),
    _key("channel", "lane"),
)

# How far the rate of a capped channel is spent, or that of one lane of it; who claims there locks the row.
meters = Table(
    PREFIX + "meters",
    metadata,
    Column("channel", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("spent_until", Instant, nullable=False),
    _key("channel", "lane"),
)

# How many deliveries a worker has in hand, where so many at once are allowed; void when its last lease ends.
permits = Table(
    PREFIX + "permits",
    metadata,
    Column("channel", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("worker", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("until", Instant, nullable=False),
    _key("channel", "lane", "worker"),
)

# Deliveries that an operator chose by a filter, to be replayed or cancelled: what they were shown, and how far it is
# carried out since somebody confirmed it. `recipient` is part of the filter, apart because it is a person's.
selections = Table(
    PREFIX + "selections",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("verb", Text, nullable=False),
    Column("filter", Json, nullable=False),
    Column("recipient", Text),
    Column("number", Integer, nullable=False),
    Column("more", Boolean, nullable=False),
    Column("groups", Json, nullable=False),
    Column("by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", Instant),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("left_alone", Integer, nullable=False, server_default=text("0")),
    Column("finished_at", Instant),
    _key("tenant", "id"),
    CheckConstraint("verb IN ('replay', 'cancel')", name="verb"),
)
RUNNING = "confirmed_at IS NOT NULL AND finished_at IS NULL"
_index("selections_running", selections.c.id, where=RUNNING)
UNCONFIRMED = "confirmed_at IS NULL"
_index("selections_unconfirmed", selections.c.expires_at, where=UNCONFIRMED)

# What is left to do of them: each delivery, and the claim that had ended, or that it had when it was chosen.
selection_members = Table(
    PREFIX + "selection_members",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("selection_id", Uuid, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    Column("claim", Integer, nullable=False),
    _key("tenant", "selection_id", "delivery_id"),
)

# What operators did, and which personal data they were shown.
audit = Table(
    PREFIX + "audit",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("on", Text),
    Column("recipient", Text),
    Column("details", Json, nullable=False),
    Column("correlation_id", Text),
    _key("tenant", "id"),
)
_index("audit_recipient", audit.c.tenant, audit.c.recipient, audit.c.id, where="recipient IS NOT NULL")

api_keys = Table(
    PREFIX + "api_keys",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    _key("tenant", "id"),
)
_index("api_keys_hash", api_keys.c.hash, unique=True)

# ── What others follow ───────────────────────────────────────────────────────────────────────────────────

# What has changed, as it is written with the change itself. The ids are the database's: of two changes to one row, the
# later one has the higher id, whatever the clocks of machines say. They are no order of commits.
unnumbered_changes = Table(
    PREFIX + "unnumbered_changes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    *_change(),
    _key("id"),
    postgresql_with={name: value for name, value in _HOT_TABLE.items() if name != "fillfactor"},
)

# The change feed: the same, once it is committed and one sequencer at a time has numbered it.
changes = Table(
    PREFIX + "changes",
    metadata,
    Column("n", BigInteger, nullable=False, autoincrement=False),
    *_change(),
    _key("n"),
)
_index("changes_recipient", changes.c.tenant, changes.c.recipient, changes.c.n)

# One row, which the sequencer locks.
feed = Table(
    PREFIX + "feed",
    metadata,
    Column("one", SmallInteger, nullable=False, autoincrement=False),
    Column("newest", BigInteger, nullable=False),  # the last number that was given
    Column("removed", BigInteger, nullable=False),  # up to this number they are no longer kept
    _key("one"),
    CheckConstraint("one = 1", name="one_row"),
)

# ── In the application's own database, where that is another one ─────────────────────────────────────────

outbox_metadata = MetaData(naming_convention=metadata.naming_convention)
outbox = Table(PREFIX + "outbox", outbox_metadata, *_emission(), _key("tenant", "id"))
Index(
    f"ix_{PREFIX}outbox_key",
    outbox.c.tenant,
    outbox.c.key,
    unique=True,
    postgresql_where=text("key IS NOT NULL"),
    sqlite_where=text("key IS NOT NULL"),
)
