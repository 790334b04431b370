"""`clarion serve` as a process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest

from clarion import Clarion
from clarion.settings.declared import SETTINGS
from clarion.store.schema import events
from clarion.web.settings import Settings, TokenSettings
from clarion.web.tokens import sign
from tests.support import openid
from tests.support.command import PATIENCE, clarion, start
from tests.support.html import parse
from tests.support.working import await_true, count
from tests.web.conftest import SECRET

TYPES = '[types."note"]\ncategory = "notes"\nchannels = ["inbox"]\n'
NOTE = {"type": "note", "to": ["bob"]}


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[Clarion]:
    (tmp_path / "types.toml").write_text(TYPES)
    made = Clarion(database_url, types=tmp_path / "types.toml")
    made.recipients.upsert("bob")
    yield made
    made.close()


@contextmanager
def serving(
    shop: Clarion, folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """The process, and a client with a key to all."""
    secret = shop.keys.issue("test", ["events:write", "events:read"]).secret
    with (folder / "log").open("w") as log:
        url = (
            shop.database.url.render_as_string(hide_password=False)
            .replace("+psycopg", "")
            .replace("+pysqlite", "")
        )
        said = {"CLARION_DATABASE": url, "CLARION_TYPES": str(folder / "types.toml"), **(env or {})}
        process = start("serve", "--port", "0", *arguments, cwd=folder, env=said, err=log)
    try:
        found = await_true(
            lambda: process.poll() is not None or re.search(r"listening on (http\S+)", read(folder))
        )
        assert process.poll() is None, read(folder)
        client = httpx2.Client(
            base_url=found[1],
            headers={"Authorization": f"Bearer {secret}"},
            trust_env=False,
            timeout=PATIENCE,
        )
        with client:
            await_true(lambda: _answers(client))
            yield process, client
    finally:
        process.kill()
        process.communicate()


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def read(folder: Path) -> str:
    return (folder / "log").read_text()


def test_it_answers_works_and_stops(shop: Clarion, tmp_path: Path) -> None:
    with serving(shop, tmp_path) as (process, client):
        event = client.post("/v1/events", json=NOTE).json()["id"]
        await_true(lambda: client.get(f"/v1/events/{event}/counts").json()["inbox"] == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert "stopped" in read(tmp_path)
    assert "Traceback" not in read(tmp_path)


def test_it_need_not_work(shop: Clarion, tmp_path: Path) -> None:
    with serving(shop, tmp_path, "--workers", "0") as (process, client):
        event = client.post("/v1/events", json=NOTE).json()["id"]
        assert client.get(f"/v1/events/{event}").json()["decided"] is False
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert count(shop, events, events.c.due_at.is_not(None)) == 1


def test_what_was_answered_survives_a_kill(shop: Clarion, tmp_path: Path) -> None:
    """And what was being answered when it stopped in good order is answered."""
    answered: list[int] = []

    def emitting(client: httpx2.Client, headers: Any) -> None:
        with httpx2.Client(base_url=client.base_url, headers=headers, trust_env=False) as mine:
            while True:
                try:
                    answer = mine.post("/v1/events", json=NOTE)
                except httpx2.TransportError:
                    return
                if answer.status_code == 202:
                    answered.append(1)

    for how, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 0)):
        with serving(shop, tmp_path, "--workers", "0") as (process, client):
            threads = [Thread(target=emitting, args=(client, client.headers)) for _ in range(6)]
            for thread in threads:
                thread.start()
            before = len(answered)
            await_true(lambda before=before: len(answered) > before + 50)  # type: ignore[misc]  # bound here
            process.send_signal(how)
            for thread in threads:
                thread.join(PATIENCE)
            assert process.wait(PATIENCE) == code
    stored = count(shop, events)
    assert (
        len(answered) <= stored <= len(answered) + 6
    )  # at most one of each was stored and could not be told


def test_settings_are_read_from_the_environment(shop: Clarion, tmp_path: Path) -> None:
    env = {
        "CLARION_SERVE_TOKENS_SECRET": SECRET,
        "CLARION_SERVE_CORS_ORIGINS": "https://a.test, https://b.test",
        "CLARION_SERVE_BODY_LIMIT": "500",
    }
    with serving(shop, tmp_path, "--workers", "0", env=env) as (_, client):
        mine = {"Authorization": f"Bearer {sign(SECRET, 'bob')}", "Origin": "https://b.test"}
        answer = client.get("/v1/me/configuration", headers=mine)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://b.test")
        chunked = client.post(
            "/v1/events",
            content=iter([b"{" + b" " * 400, b" " * 400]),
            headers={"Content-Type": "application/json"},
        )
        assert chunked.status_code == 413
        with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000)
            raw.settimeout(PATIENCE)
            assert raw.recv(100).startswith(b"HTTP/1.1 400")


OPENID = """
[serve.openid]
issuer = "{issuer}"
client_id = "{client}"
client_secret_file = "{folder}/secret"
url = "{url}"
grants = ["operate in default: sre"]
"""


def test_operators_sign_in_with_openid(shop: Clarion, tmp_path: Path) -> None:
    """All the way of a browser: from a page of the console to the provider, and back to that page."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "secret").write_text(openid.SECRET)
    with openid.provider() as idp:
        said = OPENID.format(issuer=idp.url, client=openid.CLIENT, folder=tmp_path, url=url)
        (tmp_path / "clarion.toml").write_text(said)
        with serving(shop, tmp_path, "--port", str(port)):
            with browser(url) as olga:
                page = parse(olga.get("/console/silences").text)
                came_back = olga.get(page.one("a", class_="button").get("href") or "")
                assert [one.status_code for one in came_back.history] == [303, 302], came_back.text
                assert came_back.url.path == "/console/sign-in/openid/back"
                again = parse(came_back.text).one("meta", http_equiv="refresh").get("content") or ""
                shown = olga.get(again.removeprefix("0; url="))
                assert shown.url.path == "/console/silences"
                assert "operator olga@acme.test" in parse(shown.text).text
                assert olga.get("/console/keys").status_code == 403, "her group may not give out keys"
            with browser(url) as mallory:
                sent = mallory.get("/console/sign-in/openid", follow_redirects=False)
                forged = mallory.get(idp.sign_in(sent.headers["location"], state="of another"))
                assert forged.status_code == 401
                assert "began here" in parse(forged.text).one("p", role="alert").text
                assert mallory.get("/console/silences").url.path == "/console/sign-in"
    assert "Traceback" not in read(tmp_path)


def browser(url: str) -> httpx2.Client:
    return httpx2.Client(base_url=url, follow_redirects=True, trust_env=False, timeout=PATIENCE)


@pytest.mark.parametrize(
    ("arguments", "env", "code", "words"),
    [
        (["--port", "{taken}"], {}, 1, "choose another"),
        (["--host", "no.such.host.invalid"], {}, 1, "cannot listen on 'no.such.host.invalid'"),
        (["--port", "99999"], {}, 2, "from 0 to 65535"),
        ([], {"CLARION_SERVE_TOKENS_SECRET": "short"}, 2, "at least 32"),
        ([], {"CLARION_SERVE_TOKENS_AUDIENCE": "x"}, 2, "is of no use"),
        ([], {"CLARION_SERVE_CORS_ORIGINS": "*"}, 1, "scheme and a host"),
        ([], {"CLARION_SERVE_RATE": "0"}, 2, "above 0"),
    ],
)
def test_refusals(
    shop: Clarion, tmp_path: Path, arguments: list[str], env: dict[str, str], code: int, words: str
) -> None:
    url = (
        shop.database.url.render_as_string(hide_password=False)
        .replace("+psycopg", "")
        .replace("+pysqlite", "")
    )
    said = {"CLARION_DATABASE": url, "CLARION_TYPES": str(tmp_path / "types.toml"), **env}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [one.format(taken=taken.getsockname()[1]) for one in arguments]
        refused = clarion("serve", *given, env=said)
    assert refused.code == code
    assert words in " ".join(refused.err.split())
    assert "Traceback" not in refused.err


def test_help_has_an_example() -> None:
    assert "Example: clarion serve" in clarion("serve", "--help").out


@pytest.mark.parametrize(("table", "made"), [("serve", Settings), ("serve.tokens", TokenSettings)])
def test_the_settings_are_what_the_service_is_made_with(table: str, made: Any) -> None:
    declared = {one.name: one.default for one in SETTINGS if one.table == table}
    for name in ("host", "port", "workers"):
        declared.pop(name, None)
    assert declared == {one.name: one.default for one in fields(made) if one.name not in ("tokens", "openid")}
