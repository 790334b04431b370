"""Every setting, in the order in which they are shown. A new one is one entry here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from clarion.settings import checks, serving
from clarion.settings.kinds import (
    DATABASE,
    FILE,
    FOLDER,
    SWITCH,
    TEXT,
    URL,
    count,
    one_of,
    rate,
    span,
)
from clarion.settings.setting import Setting

_SHORT = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)
_CENTURY = timedelta(days=36_500)

# The channels that settings can make.
CHANNELS = ("email",)

TABLES = {
    "mail": "Sending mail. Without it there is no channel `email`.",
    "worker": "How much a worker does at once, and how long it takes for it.",
    "caps.email": "How fast, or how many at once, may be sent on a channel by all workers together.",
    **serving.TABLES,
}


def _clarion() -> Iterator[Setting]:
    """Which one, and the arguments of `Clarion`."""
    yield Setting(
        "app",
        TEXT,
        "The application's Clarion, or a function that makes it: it brings its own of all that code can say.",
        example="shop.main:clarion",
        flag="--app",
        with_app=True,
        check=checks.reference,
    )
    yield Setting(
        "database",
        DATABASE,
        "Where Clarion keeps what it does: sqlite:///file.db or postgresql://user:password@host/name.",
        example="sqlite:///app.db",
        flag="--database",
        secret=True,
        check=checks.database,
    )
    yield Setting(
        "types",
        FILE,
        "The event types, declared in TOML.",
        example=Path("types.toml"),
        flag="--types",
        check=checks.file,
    )
    yield Setting("name", TEXT, "What the application is called in what it sends.", default="Clarion")
    yield Setting(
        "version",
        TEXT,
        "The application's version, such as 1.4.2: an older process never undoes what a newer one declared.",
        default="0",
        check=checks.version,
    )
    yield Setting(
        "base_url",
        TEXT,
        "Where the application is on the web: paths of events are appended to it.",
        example="https://acme.test",
        check=checks.base_url,
    )
    yield Setting(
        "templates",
        FOLDER,
        "A folder of templates of your own.",
        example=Path("templates"),
        check=checks.folder,
    )
    yield Setting(
        "default_locale",
        TEXT,
        "The language for recipients who have none, or one without templates.",
        default="en",
        check=checks.locale,
    )
    yield Setting(
        "retention",
        span(most=_CENTURY),
        "How long events are kept, and their keys remembered, once all is told of them.",
        default=timedelta(days=30),
        check=checks.retention,
    )
    yield Setting(
        "feed_deliveries",
        SWITCH,
        "Whether the change feed tells also how deliveries end.",
        default=False,
    )


def _process() -> Iterator[Setting]:
    """What is said of a process that works, whatever its Clarion."""
    yield Setting(
        "metrics",
        TEXT,
        "HOST:PORT at which a worker serves Prometheus metrics of its process.",
        example="127.0.0.1:9464",
        flag="--metrics",
        with_app=True,
        check=checks.metrics,
    )
    yield Setting(
        "log",
        one_of("text", "json"),
        "How a worker's log reads, on standard error: text or json.",
        default="text",
        flag="--log",
        with_app=True,
    )
    yield Setting("verbose", SWITCH, "Log more.", default=False, flag="--verbose", with_app=True)


def _mail() -> Iterator[Setting]:
    """The arguments of `Email`; `smtp` is its URL."""
    yield Setting(
        "mail.smtp",
        URL,
        "Where mail is handed in: smtp://localhost:2525, smtps://user:password@host.",
        example="smtp://localhost:2525",
        flag="--smtp",
        also="CLARION_SMTP",
        secret=True,
        check=checks.smtp,
    )
    yield Setting(
        "mail.sender",
        TEXT,
        "Who mail is from.",
        example="Acme <hello@acme.test>",
        flag="--sender",
        also="CLARION_SENDER",
        check=checks.sender,
    )
    yield Setting(
        "mail.reply_to",
        TEXT,
        "Where answers go, if not to the sender.",
        example="support@acme.test",
        check=checks.address,
    )
    yield Setting("mail.size", count(), "Connections to the server at once, of each worker.", default=10)
    yield Setting(
        "mail.timeout",
        span(_SECOND),
        "For one mail, waiting for a connection included.",
        default=timedelta(seconds=30),
    )
    yield Setting(
        "mail.idle",
        span(_SECOND),
        "How long a connection is kept that nothing is sent over.",
        default=timedelta(seconds=30),
    )
    yield Setting(
        "mail.messages_per_connection",
        count(),
        "Mails sent over a connection before it is closed.",
        default=200,
    )


def _worker() -> Iterator[Setting]:
    """The arguments of `Limits`."""
    yield Setting(
        "worker.lease",
        span(_SECOND),
        "How long a worker keeps what it has in hand: a crash delays that for so long.",
        default=timedelta(seconds=30),
    )
    yield Setting(
        "worker.poll",
        span(_SHORT),
        "Between two looks at an empty queue.",
        default=timedelta(milliseconds=100),
    )
    yield Setting("worker.page", count(), "Recipients decided on in one transaction.", default=3000)
    yield Setting("worker.walks", count(), "Events in hand at once.", default=100)
    yield Setting("worker.batch", count(), "Deliveries claimed at once.", default=200)
    yield Setting("worker.concurrency", count(), "Sends at once, per channel.", default=50)
    yield Setting(
        "worker.settle_within",
        span(),
        "How long outcomes are collected before they are written together.",
        default=timedelta(milliseconds=50),
    )
    yield Setting(
        "worker.grace", span(), "For running sends, when told to stop.", default=timedelta(seconds=10)
    )
    yield Setting(
        "worker.prune_every",
        span(_SHORT),
        "From the end of a round of removing what is over to the next.",
        default=timedelta(minutes=1),
    )
    yield Setting(
        "worker.application",
        span(_SHORT),
        "For one call of a resolver or an access check; never more than two thirds of the lease.",
        default=timedelta(seconds=20),
    )
    yield Setting(
        "worker.wakeups",
        SWITCH,
        "Whether processes wake one another when something is due. Without, they poll only.",
        default=True,
    )


def _caps(channel: str) -> Iterator[Setting]:
    """The arguments of a `Cap` of the channel, and of one of each of its lanes."""
    for table, of in ((f"caps.{channel}", "the channel"), (f"caps.{channel}.lane", "each of its lanes")):
        yield Setting(
            f"{table}.per_second", rate(1_000_000), f"Deliveries on {of} begun in a second.", example=14
        )
        yield Setting(
            f"{table}.at_once", count(), f"Deliveries on {of} in the hands of workers at once.", example=20
        )


SETTINGS = (
    *_clarion(),
    *_process(),
    *_mail(),
    *_worker(),
    *(cap for channel in CHANNELS for cap in _caps(channel)),
    *serving.serve(),
    *serving.tokens(),
    *serving.openid(),
)
BY_KEY = {setting.key: setting for setting in SETTINGS}
BY_VARIABLE = {variable: setting for setting in SETTINGS for variable in setting.variables}
