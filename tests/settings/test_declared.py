"""What is declared is what Clarion takes, with the same defaults; and every default is a value that may be said."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from clarion import Cap, Clarion, Email, Limits
from clarion.settings.declared import BY_KEY, BY_VARIABLE, CHANNELS, SETTINGS, TABLES
from clarion.settings.kinds import span
from clarion.settings.reading import read
from clarion.settings.setting import Setting, WrongSettings


def of(table: str) -> dict[str, Setting]:
    return {setting.name: setting for setting in SETTINGS if setting.table == table}


def arguments(made: type) -> dict[str, Any]:
    return {
        name: None if parameter.default is parameter.empty else parameter.default
        for name, parameter in inspect.signature(made).parameters.items()
    }


def check(declared: Mapping[str, Setting], taken: Mapping[str, Any]) -> None:
    assert set(declared) == set(taken)
    assert {name: setting.default for name, setting in declared.items()} == dict(taken)


def test_the_settings_are_what_clarion_is_made_with() -> None:
    taken = arguments(Clarion)
    elsewhere = {"channels", "caps", "limits"}
    only_in_code = {"application"}
    own = {name: one for name, one in of("").items() if not one.with_app}
    check(own, {name: value for name, value in taken.items() if name not in elsewhere | only_in_code})


def test_those_of_a_worker_are_its_limits() -> None:
    check(of("worker"), {one.name: one.default for one in fields(Limits)})


def test_those_of_mail_are_the_channels() -> None:
    taken = arguments(Email)
    taken["smtp"] = taken.pop("url")
    check(of("mail"), {name: value for name, value in taken.items() if name != "tls"})


@pytest.mark.parametrize("channel", CHANNELS)
def test_caps_are_those_of_a_channel_and_of_its_lanes(channel: str) -> None:
    bounds = {one.name: None for one in fields(Cap) if one.name not in {"channel", "each"}}
    check(of(f"caps.{channel}"), bounds)
    check(of(f"caps.{channel}.lane"), bounds)


def test_no_name_stands_for_two() -> None:
    assert len(BY_KEY) == len(SETTINGS)
    assert len(BY_VARIABLE) == sum(len(setting.variables) for setting in SETTINGS)
    flags = [setting.flag for setting in SETTINGS if setting.flag]
    assert len(flags) == len(set(flags))
    assert set(TABLES) <= {setting.table for setting in SETTINGS}
    assert all(setting.default is not None or setting.example is not None for setting in SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_a_default_can_be_said_and_is_the_same_again(setting: Setting) -> None:
    value = setting.example if setting.default is None else setting.default
    written = tomllib.loads(f"value = {setting.kind.write(value)}")["value"]
    assert str(setting.kind.read(written)) == str(value)
    if written != []:  # an empty variable says nothing
        assert setting.kind.parse(_as_text(written)) == written


def _as_text(written: object) -> str:
    """As a variable has what TOML has."""
    if isinstance(written, list):
        return ", ".join(written)
    return str(written).lower() if isinstance(written, bool) else str(written)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (timedelta(), '"0s"'),
        (timedelta(days=90), '"90d"'),
        (timedelta(hours=36), '"36h"'),
        (timedelta(minutes=90), '"90m"'),
        (timedelta(seconds=90.5), '"90500ms"'),
    ],
)
def test_a_length_of_time_is_written_in_its_largest_unit(value: timedelta, written: str) -> None:
    assert span().write(value) == written


@pytest.mark.parametrize("key", ["serve.session_secret", "serve.tokens.secret"])
def test_a_secret_that_is_too_short_to_sign_with(key: str) -> None:
    variable = "CLARION_" + key.replace(".", "_").upper()
    with pytest.raises(WrongSettings) as caught:
        read(environment={variable: "hunter2"})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{variable}: it has 7 bytes, at least 32 are needed")
    assert read(environment={variable: "x" * 32})[key] == "x" * 32


def test_tokens_are_checked_in_one_way() -> None:
    secret, jwks = {"CLARION_SERVE_TOKENS_SECRET": "x" * 32}, {"CLARION_SERVE_TOKENS_JWKS": "keys.json"}
    with pytest.raises(WrongSettings, match=r"CLARION_SERVE_TOKENS_JWKS: serve\.tokens\.jwks beside"):
        read(environment={**secret, **jwks})
    with pytest.raises(WrongSettings, match=r"serve\.tokens\.audience is of no use"):
        read(environment={"CLARION_SERVE_TOKENS_AUDIENCE": "shop"})


@pytest.mark.parametrize("url", ["postgresql://u:p@hunter2@h/db", "postgresql://u:12?hunter2@h/db"])
def test_a_password_that_was_cut_off_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(WrongSettings, match=r"CLARION_DATABASE: .*%40") as caught:
        read(environment={"CLARION_DATABASE": url})
    assert "hunter2" not in str(caught.value)
