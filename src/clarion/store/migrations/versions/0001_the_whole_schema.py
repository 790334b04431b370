"""The whole schema: see docs/schema.md."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from clarion.store.types import Bytewise, Instant, Json

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        _tell_planner()


def _tell_planner() -> None:
    """Say how the tables will be filled, before they are.

    Without statistics SQLite takes every tenant for ten rows, and reads all of a tenant in the order of its
    ids rather than sort the three rows that were asked for. ANALYZE replaces what is said here.
    """
    conn = op.get_bind()
    conn.exec_driver_sql("ANALYZE clarion_schema")  # makes the table sqlite_stat1
    said = {row[0] for row in conn.exec_driver_sql("SELECT idx FROM sqlite_stat1")}
    for table in sa.inspect(conn).get_table_names():
        if not table.startswith("clarion_") or table == "clarion_schema":
            continue
        for _, index, unique, *_ in conn.exec_driver_sql(f"PRAGMA index_list({table})").all():
            if index not in said:
                columns = [row[2] for row in conn.exec_driver_sql(f"PRAGMA index_info({index})")]
                conn.exec_driver_sql(
                    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)",
                    (table, index, _rows_per_prefix(columns, unique=bool(unique))),
                )


def _rows_per_prefix(columns: list[str], *, unique: bool) -> str:
    """The rows in an index of these columns, then how many share its first column, its first two, and so on."""
    sharing = [1_000_000 if columns[0] in ("tenant", "channel") else 100]
    sharing += [100 if n == 1 else 10 for n in range(1, len(columns))]
    if unique:
        sharing[-1] = 1
    return " ".join(map(str, [1_000_000, *sharing]))


def _create_tables() -> None:  # noqa: PLR0915 - a list of tables
    op.create_table(
        "clarion_addresses",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("gone_at", Instant(), nullable=True),
        sa.Column("gone_reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_addresses")),
    )
    op.create_index(
        "ix_clarion_addresses_begin",
        "clarion_addresses",
        ["tenant", "value"],
        unique=False,
        postgresql_ops={"value": "text_pattern_ops"},
    )
    op.create_index(
        "ix_clarion_addresses_gone",
        "clarion_addresses",
        ["tenant", "id"],
        unique=False,
        postgresql_where=sa.text("gone_at IS NOT NULL"),
        sqlite_where=sa.text("gone_at IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_addresses_one_off",
        "clarion_addresses",
        ["tenant", "id"],
        unique=False,
        postgresql_where=sa.text("used_at IS NOT NULL"),
        sqlite_where=sa.text("used_at IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_addresses_value",
        "clarion_addresses",
        ["tenant", "recipient", "channel", "value"],
        unique=True,
    )
    op.create_table(
        "clarion_api_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_api_keys")),
    )
    op.create_index("ix_clarion_api_keys_hash", "clarion_api_keys", ["hash"], unique=True)
    op.create_table(
        "clarion_audit",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("on", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("details", Json(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_audit")),
    )
    op.create_index(
        "ix_clarion_audit_recipient",
        "clarion_audit",
        ["tenant", "recipient", "id"],
        unique=False,
        postgresql_where=sa.text("recipient IS NOT NULL"),
        sqlite_where=sa.text("recipient IS NOT NULL"),
    )
    op.create_table(
        "clarion_changes",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("row_id", sa.Uuid(), nullable=True),
        sa.Column("body", Json(), nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_clarion_changes")),
    )
    op.create_index(
        "ix_clarion_changes_recipient", "clarion_changes", ["tenant", "recipient", "n"], unique=False
    )
    op.create_table(
        "clarion_conditions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("repeats", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.Column("escalations", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("escalated_by", sa.Uuid(), nullable=True),
        sa.Column("escalate_at", Instant(), nullable=True),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_conditions")),
    )
    op.create_index(
        "ix_clarion_conditions_escalate",
        "clarion_conditions",
        ["escalate_at"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL AND escalate_at IS NOT NULL"),
        sqlite_where=sa.text("resolved_at IS NULL AND escalate_at IS NOT NULL"),
    )
    op.create_index("ix_clarion_conditions_event", "clarion_conditions", ["tenant", "event_id"], unique=False)
    op.create_index(
        "ix_clarion_conditions_open",
        "clarion_conditions",
        ["tenant", "condition"],
        unique=True,
        postgresql_where=sa.text("resolved_at IS NULL"),
        sqlite_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "clarion_deliveries",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=True),
        sa.Column("digest_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(notification_id IS NULL) <> (digest_id IS NULL)", name=op.f("ck_clarion_deliveries_one_origin")
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_deliveries")),
    )
    op.create_index(
        "ix_clarion_deliveries_digest",
        "clarion_deliveries",
        ["tenant", "digest_id"],
        unique=True,
        postgresql_where=sa.text("digest_id IS NOT NULL"),
        sqlite_where=sa.text("digest_id IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_deliveries_notification",
        "clarion_deliveries",
        ["tenant", "notification_id", "channel", "address_id"],
        unique=True,
        postgresql_where=sa.text("notification_id IS NOT NULL"),
        sqlite_where=sa.text("notification_id IS NOT NULL"),
    )
    op.create_table(
        "clarion_digest_members",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("digest_id", sa.Uuid(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "digest_id", "notification_id", name=op.f("pk_clarion_digest_members")
        ),
    )
    op.create_index(
        "ix_clarion_digest_members_notification",
        "clarion_digest_members",
        ["tenant", "notification_id"],
        unique=False,
    )
    op.create_table(
        "clarion_digests",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_digests")),
    )
    op.create_index(
        "ix_clarion_digests_open",
        "clarion_digests",
        ["tenant", "recipient", "channel", "key"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "clarion_event_types",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("channels", Json(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("options", Json(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("declared_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_clarion_event_types")),
    )
    op.create_table(
        "clarion_events",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("emitted_at", Instant(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("to", Json(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("severity", sa.SmallInteger(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("channels", Json(), nullable=True),
        sa.Column("data", Json(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("trace_context", Json(), nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("walks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("losses", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("walked_at", Instant(), nullable=True),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.Column("repeat_of", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_events")),
    )
    op.create_index(
        "ix_clarion_events_condition",
        "clarion_events",
        ["tenant", "condition", "id"],
        unique=False,
        postgresql_where=sa.text("condition IS NOT NULL AND repeat_of IS NULL"),
        sqlite_where=sa.text("condition IS NOT NULL AND repeat_of IS NULL"),
    )
    op.create_index(
        "ix_clarion_events_correlation",
        "clarion_events",
        ["tenant", "correlation_id", "id"],
        unique=False,
        postgresql_where=sa.text("replace(correlation_id, '-', '') <> replace(CAST(id AS TEXT), '-', '')"),
        sqlite_where=sa.text("replace(correlation_id, '-', '') <> replace(CAST(id AS TEXT), '-', '')"),
    )
    op.create_index(
        "ix_clarion_events_due",
        "clarion_events",
        ["tenant", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL AND losses = 0"),
        sqlite_where=sa.text("due_at IS NOT NULL AND losses = 0"),
    )
    op.create_index(
        "ix_clarion_events_failure",
        "clarion_events",
        ["tenant", "id"],
        unique=False,
        postgresql_where=sa.text("failure IS NOT NULL"),
        sqlite_where=sa.text("failure IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_events_key",
        "clarion_events",
        ["tenant", "key"],
        unique=True,
        postgresql_where=sa.text("key IS NOT NULL"),
        sqlite_where=sa.text("key IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_events_lost",
        "clarion_events",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL AND losses > 0"),
        sqlite_where=sa.text("due_at IS NOT NULL AND losses > 0"),
    )
    op.create_index(
        "ix_clarion_events_subject",
        "clarion_events",
        ["tenant", "subject", "id"],
        unique=False,
        postgresql_where=sa.text("subject IS NOT NULL"),
        sqlite_where=sa.text("subject IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_events_thread",
        "clarion_events",
        ["tenant", "thread", "id"],
        unique=False,
        postgresql_where=sa.text("thread IS NOT NULL"),
        sqlite_where=sa.text("thread IS NOT NULL"),
    )
    op.create_table(
        "clarion_meters",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("spent_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "lane", name=op.f("pk_clarion_meters")),
    )
    op.create_table(
        "clarion_notifications",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("place", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("question", sa.Integer(), nullable=False),
        sa.Column("visible", sa.Boolean(), nullable=False),
        sa.Column("gates", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("verdicts", Json(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("seen_at", Instant(), nullable=True),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("saved_at", Instant(), nullable=True),
        sa.Column("snoozed_until", Instant(), nullable=True),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.Column("resolved_at", Instant(), nullable=True),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_notifications")),
    )
    op.create_index(
        "ix_clarion_notifications_blocked",
        "clarion_notifications",
        ["tenant", "recipient", "id"],
        unique=False,
        postgresql_where=sa.text("(gates & 786432) <> 0"),
        sqlite_where=sa.text("(gates & 786432) <> 0"),
    )
    op.create_index(
        "ix_clarion_notifications_event",
        "clarion_notifications",
        ["tenant", "event_id", "recipient"],
        unique=True,
    )
    op.create_index(
        "ix_clarion_notifications_gates",
        "clarion_notifications",
        ["tenant", "id"],
        unique=False,
        postgresql_where=sa.text("gates <> 0"),
        sqlite_where=sa.text("gates <> 0"),
    )
    op.create_index(
        "ix_clarion_notifications_done",
        "clarion_notifications",
        ["tenant", "recipient", "place"],
        unique=False,
        postgresql_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NOT NULL"
        ),
        sqlite_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_clarion_notifications_hidden",
        "clarion_notifications",
        ["tenant", "recipient", "place"],
        unique=False,
        postgresql_where=sa.text("(NOT visible OR withdrawn_at IS NOT NULL OR deleted_at IS NOT NULL)"),
        sqlite_where=sa.text("(NOT visible OR withdrawn_at IS NOT NULL OR deleted_at IS NOT NULL)"),
    )
    op.create_index(
        "ix_clarion_notifications_inbox",
        "clarion_notifications",
        ["tenant", "recipient", "place"],
        unique=False,
        postgresql_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NULL AND snoozed_until IS NULL"
        ),
        sqlite_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NULL AND snoozed_until IS NULL"
        ),
    )
    op.create_index(
        "ix_clarion_notifications_returning",
        "clarion_notifications",
        ["snoozed_until"],
        unique=False,
        postgresql_where=sa.text("snoozed_until IS NOT NULL"),
        sqlite_where=sa.text("snoozed_until IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_notifications_saved",
        "clarion_notifications",
        ["tenant", "recipient", "place"],
        unique=False,
        postgresql_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND saved_at IS NOT NULL"
        ),
        sqlite_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND saved_at IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_clarion_notifications_snoozed",
        "clarion_notifications",
        ["tenant", "recipient", "place"],
        unique=False,
        postgresql_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND snoozed_until IS NOT NULL"
        ),
        sqlite_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND snoozed_until IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_clarion_notifications_thread",
        "clarion_notifications",
        ["tenant", "recipient", "thread", "place"],
        unique=False,
        postgresql_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NULL AND snoozed_until IS NULL AND thread IS NOT NULL"
        ),
        sqlite_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NULL AND snoozed_until IS NULL AND thread IS NOT NULL"
        ),
    )
    op.create_index(
        "ix_clarion_notifications_unread",
        "clarion_notifications",
        ["tenant", "recipient", "place", "seen_at"],
        unique=False,
        postgresql_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL"
        ),
        sqlite_where=sa.text(
            "visible AND withdrawn_at IS NULL AND deleted_at IS NULL AND done_at IS NULL AND snoozed_until IS NULL AND read_at IS NULL"
        ),
    )
    op.create_table(
        "clarion_outcomes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "result IN ('sent', 'retry', 'failed', 'down', 'given_back', 'held', 'lost', 'replayed', 'cancelled', 'suppressed')",
            name=op.f("ck_clarion_outcomes_result"),
        ),
        sa.PrimaryKeyConstraint("tenant", "delivery_id", "claim", name=op.f("pk_clarion_outcomes")),
    )
    op.create_index(
        "ix_clarion_outcomes_failed",
        "clarion_outcomes",
        ["tenant", "at", "delivery_id", "code"],
        unique=False,
        postgresql_where=sa.text("final AND result = 'failed'"),
        sqlite_where=sa.text("final AND result = 'failed'"),
    )
    op.create_table(
        "clarion_pauses",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("probes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("channel", "lane", name=op.f("pk_clarion_pauses")),
    )
    op.create_table(
        "clarion_permits",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("worker", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "lane", "worker", name=op.f("pk_clarion_permits")),
    )
    op.create_table(
        "clarion_preference_changes",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("before", Json(), nullable=False),
        sa.Column("after", Json(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "recipient", "n", name=op.f("pk_clarion_preference_changes")),
    )
    op.create_table(
        "clarion_preferences",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default="*", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=True),
        sa.Column("channels", Json(), nullable=True),
        sa.Column("min_severity", sa.SmallInteger(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "recipient", "scope", "channel", name=op.f("pk_clarion_preferences")
        ),
    )
    op.create_table(
        "clarion_questions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("question", Json(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "event_id", "n", name=op.f("pk_clarion_questions")),
    )
    op.create_table(
        "clarion_queue",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("lane", Bytewise, nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("due_since", Instant(), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("claims", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("losses", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled", sa.Boolean(), server_default=sa.text("FALSE"), nullable=False),
        sa.Column("cancel_code", sa.Text(), nullable=True),
        sa.Column("slots", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("aged_from", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "delivery_id", name=op.f("pk_clarion_queue")),
        postgresql_with={
            "fillfactor": 50,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 1000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index(
        "ix_clarion_queue_due",
        "clarion_queue",
        ["channel", "lane", "priority", "due_at"],
        unique=False,
        postgresql_where=sa.text("losses = 0"),
        sqlite_where=sa.text("losses = 0"),
    )
    op.create_index(
        "ix_clarion_queue_lost",
        "clarion_queue",
        ["channel", "due_at"],
        unique=False,
        postgresql_where=sa.text("losses > 0"),
        sqlite_where=sa.text("losses > 0"),
    )
    op.create_table(
        "clarion_recipient_roles",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "role", "recipient", name=op.f("pk_clarion_recipient_roles")),
    )
    op.create_index(
        "ix_clarion_recipient_roles_recipient",
        "clarion_recipient_roles",
        ["tenant", "recipient"],
        unique=False,
    )
    op.create_table(
        "clarion_recipients",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("TRUE"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("TRUE"), nullable=False),
        sa.Column("silent_until", Instant(), nullable=True),
        sa.Column("quiet_hours", Json(), nullable=True),
        sa.Column("tags", Json(), nullable=True),
        sa.Column("last_active_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_recipients")),
    )
    op.create_table(
        "clarion_schedules",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("event", Json(), nullable=False),
        sa.Column("next_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_clarion_schedules")),
    )
    op.create_index(
        "ix_clarion_schedules_next",
        "clarion_schedules",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("next_at IS NOT NULL"),
        sqlite_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "clarion_selection_members",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("selection_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "selection_id", "delivery_id", name=op.f("pk_clarion_selection_members")
        ),
    )
    op.create_table(
        "clarion_selections",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("filter", Json(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.Column("groups", Json(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("left_alone", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.CheckConstraint("verb IN ('replay', 'cancel')", name=op.f("ck_clarion_selections_verb")),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_selections")),
    )
    op.create_index(
        "ix_clarion_selections_running",
        "clarion_selections",
        ["id"],
        unique=False,
        postgresql_where=sa.text("confirmed_at IS NOT NULL AND finished_at IS NULL"),
        sqlite_where=sa.text("confirmed_at IS NOT NULL AND finished_at IS NULL"),
    )
    op.create_index(
        "ix_clarion_selections_unconfirmed",
        "clarion_selections",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("confirmed_at IS NULL"),
        sqlite_where=sa.text("confirmed_at IS NULL"),
    )
    op.create_table(
        "clarion_silences",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("matches", Json(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_silences")),
    )
    op.create_index("ix_clarion_silences_ends", "clarion_silences", ["tenant", "ends_at"], unique=False)
    op.create_table(
        "clarion_slots",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("channels", Json(), nullable=True),
        sa.Column("window_ms", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("blocked_since", Instant(), nullable=True),
        sa.Column("freed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "recipient", "key", "severity", "n", name=op.f("pk_clarion_slots")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_clarion_slots_freed",
        "clarion_slots",
        ["freed_at"],
        unique=False,
        postgresql_where=sa.text("freed_at IS NOT NULL"),
        sqlite_where=sa.text("freed_at IS NOT NULL"),
    )
    op.create_index("ix_clarion_slots_holder", "clarion_slots", ["tenant", "holder"], unique=False)
    op.create_table(
        "clarion_subscriptions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subscribed", sa.Boolean(), server_default=sa.text("TRUE"), nullable=False),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("muted_until", Instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "level IN ('all', 'participating', 'mentions', 'none')",
            name=op.f("ck_clarion_subscriptions_level"),
        ),
        sa.PrimaryKeyConstraint("tenant", "topic", "recipient", name=op.f("pk_clarion_subscriptions")),
    )
    op.create_index(
        "ix_clarion_subscriptions_recipient", "clarion_subscriptions", ["tenant", "recipient"], unique=False
    )
    op.create_table(
        "clarion_tallies",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("minutes", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "minutes", "minute", "what", "channel", "type", "code", name=op.f("pk_clarion_tallies")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_clarion_tallies_old", "clarion_tallies", ["minutes", "minute"], unique=False)
    op.create_table(
        "clarion_type_channels",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("enabled_since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("type", "channel", name=op.f("pk_clarion_type_channels")),
    )
    op.create_table(
        "clarion_withdrawals",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("condition", sa.Text(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("applied_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(CASE WHEN event_id IS NULL THEN 0 ELSE 1 END + CASE WHEN subject IS NULL THEN 0 ELSE 1 END + CASE WHEN condition IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_clarion_withdrawals_one_target"),
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_clarion_withdrawals")),
    )
    op.create_index(
        "ix_clarion_withdrawals_condition",
        "clarion_withdrawals",
        ["tenant", "condition", "id"],
        unique=False,
        postgresql_where=sa.text("condition IS NOT NULL"),
        sqlite_where=sa.text("condition IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_withdrawals_event",
        "clarion_withdrawals",
        ["tenant", "event_id"],
        unique=False,
        postgresql_where=sa.text("event_id IS NOT NULL"),
        sqlite_where=sa.text("event_id IS NOT NULL"),
    )
    op.create_index(
        "ix_clarion_withdrawals_pending",
        "clarion_withdrawals",
        ["id"],
        unique=False,
        postgresql_where=sa.text("applied_at IS NULL"),
        sqlite_where=sa.text("applied_at IS NULL"),
    )
    op.create_index(
        "ix_clarion_withdrawals_subject",
        "clarion_withdrawals",
        ["tenant", "subject", "id"],
        unique=False,
        postgresql_where=sa.text("subject IS NOT NULL"),
        sqlite_where=sa.text("subject IS NOT NULL"),
    )
    op.create_table(
        "clarion_unfolded_tallies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clarion_unfolded_tallies")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 1000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_table(
        "clarion_unnumbered_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("row_id", sa.Uuid(), nullable=True),
        sa.Column("body", Json(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clarion_unnumbered_changes")),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_threshold": 1000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    feed = op.create_table(
        "clarion_feed",
        sa.Column("one", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_clarion_feed_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_clarion_feed")),
    )
    op.bulk_insert(feed, [{"one": 1, "newest": 0, "removed": 0}])
