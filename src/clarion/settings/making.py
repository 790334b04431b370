"""The Clarion that settings describe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from clarion.settings.declared import BY_KEY, CHANNELS
from clarion.settings.setting import Settings, WrongSettings

if TYPE_CHECKING:
    from clarion.app import Clarion
    from clarion.cap import Cap
    from clarion.channels import Channel


def make(settings: Settings, *, with_types: bool = False) -> Clarion:
    """The application's, or one made of the settings, for which they must name a database, and types if need be.

    Raises `WrongSettings`, and what `Clarion` raises.
    """
    if (here := str(Path.cwd())) not in sys.path:  # modules of the application are here, if not installed
        sys.path.insert(0, here)
    if settings["app"] is not None:
        return _application(settings["app"])
    if settings["database"] is None:
        raise WrongSettings([_WHICH])
    if with_types and settings["types"] is None:
        raise WrongSettings([_WHICH_TYPES])
    from clarion.app import Clarion
    from clarion.workers.wiring import Limits

    given = settings.given("").items()
    return Clarion(
        **{name: value for name, value in given if not BY_KEY[name].with_app},
        channels=list(_channels(settings)),
        caps=list(_caps(settings)),
        limits=Limits(**settings.given("worker")),
    )


def _channels(settings: Settings) -> Iterator[Channel]:
    mail = settings.given("mail")
    if mail:
        from clarion.channels.email import Email

        yield Email(mail.pop("smtp"), **mail)


def _caps(settings: Settings) -> Iterator[Cap]:
    from clarion.cap import Cap

    for channel in CHANNELS:
        if whole := settings.given(f"caps.{channel}"):
            yield Cap(channel, **whole)
        if lane := settings.given(f"caps.{channel}.lane"):
            yield Cap(channel, each="lane", **lane)


def _application(reference: str) -> Clarion:
    from clarion.app import Clarion
    from clarion.declarations import load
    from clarion.errors import ConfigError

    found: object = load(reference)
    if callable(found) and not isinstance(found, type):
        found = found()
    if not isinstance(found, Clarion):
        raise ConfigError(
            f"{reference!r} is of type {type(found).__name__}; it must be a Clarion, or a function that makes one"
        )
    return found


_WHICH = (
    "which Clarion? pass --app MODULE:NAME or --database URL (or CLARION_APP, CLARION_DATABASE; "
    "or write app or database into clarion.toml)"
)
_WHICH_TYPES = "which event types? pass --types FILE (or CLARION_TYPES, or types in clarion.toml) beside the database, or --app"
