"""`clarion demo` as it serves: what its pages show, and what is done on them."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clarion.demo import catcher, live
from tests.demo.test_demo import left_running
from tests.support.command import PATIENCE, clarion
from tests.support.demo import Demo, serving
from tests.support.working import await_true


def test_from_its_first_line_to_its_end(database: str, empty_database_url: str, tmp_path: Path) -> None:
    """One comment: in the other's inbox, in their mail, in the operator's hands; and nothing left behind."""
    with serving(tmp_path / "demo", "--port", "0", "--database", empty_database_url) as demo:
        assert list(demo.where) == ["url", "api_key", "console", "mail"]
        key = {"Authorization": f"Bearer {demo.where['api_key']}"}
        for path in ("/", "/as/sam-lee", "/mail", "/healthz", "/readyz", "/metrics", "/openapi.json"):
            assert demo.http.get(path).status_code == 200, path
        assert "acme.comment.created" in [one["code"] for one in demo.get("/v1/types", headers=key)["types"]]

        event = demo.do("sam-lee", "comment", text="Lovely, @jonas-weber", **{"with": "codertocat"})
        await_true(lambda: demo.get(f"/acme/story/{event}")["complete"])
        told = {one["name"]: one for one in demo.get(f"/acme/story/{event}")["people"]}
        assert [one["state"] for one in told["Cody Tocat"]["channels"]] == ["told", "sent"]
        assert (
            told["Jonas Weber"]["channels"][1]["why"] == "info is below the recipient's action (* on email)"
        )
        titles = [item["title"] for item in demo.get("/v1/inbox", headers=demo.as_("codertocat"))["items"]]
        assert "Sam Lee commented on “Warmer empty states”" in titles
        mail = demo.http.get("/mail?to=codertocat@acme.test").text
        assert "Sam Lee commented on “Warmer empty states”" in mail

        signed_in = demo.http.get(demo.where["console"])
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/console")
        assert "operate" in demo.get("/v1/session")["scopes"]
        assert len(demo.get("/as/codertocat/review")["comments"]) == 1

        demo.process.send_signal(signal.SIGINT if database == "sqlite" else signal.SIGTERM)
        assert demo.process.wait(PATIENCE) == 0
    assert (tmp_path / "demo" / "said").read_text() == ""
    assert left_running(empty_database_url, tmp_path / "demo") == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One for what follows, which goes on whatever happened in it before."""
    with serving(tmp_path_factory.mktemp("demo"), "--port", "0") as found:
        yield found


def story(demo: Demo, event: str | None) -> Any:
    await_true(lambda: demo.get(f"/acme/story/{event}")["complete"])
    return demo.get(f"/acme/story/{event}")


def test_a_condition_is_told_once_and_counted(demo: Demo) -> None:
    first = demo.do("sam-lee", "fail-build", **{"with": "codertocat"})
    assert {one["name"] for one in story(demo, first)["people"]} == {"Cody Tocat", "Hanna Tocat", "Sam Lee"}
    again = demo.do("sam-lee", "fail-build", **{"with": "codertocat"})
    assert story(demo, again) == {
        "type": "acme.build.failed",
        "complete": True,
        "repeat": True,
        "people": [],
        "others": 0,
    }
    assert demo.get("/as/sam-lee/review")["build"] == 2
    assert demo.do("codertocat", "mend-build") is None
    await_true(lambda: demo.get("/as/sam-lee/review")["build"] == 0)


def test_an_incident_reaches_who_switched_everything_off(demo: Demo) -> None:
    event = demo.do("codertocat", "declare-incident", **{"with": "sam-lee"})
    people = {one["name"]: one["channels"] for one in story(demo, event)["people"]}
    assert [one["state"] for one in people["Rafael Souza"]] == ["told", "sent"]
    assert demo.get("/as/sam-lee/review")["incident"] == 1
    demo.do("sam-lee", "end-incident")
    await_true(lambda: demo.get("/as/sam-lee/review")["incident"] == 0)


def test_a_burst_is_a_hundred_in_the_inbox_and_three_mails(demo: Demo) -> None:
    event = demo.do("sam-lee", "burst", **{"with": "noah-fischer"})
    (noah,) = story(demo, event)["people"]
    assert [one["state"] for one in noah["channels"]] == ["told", "not"]
    assert "3" in noah["channels"][1]["why"]
    mine = demo.as_("noah-fischer")
    await_true(lambda: len(demo.get("/v1/inbox?category=remarks&limit=200", headers=mine)["items"]) == 100)
    listed = demo.http.get("/mail?to=noah@acme.test").text
    assert len(re.findall("Remark [0-9]+ of 100", listed)) == 3


def test_webhooks_flow_and_can_be_held_back(demo: Demo) -> None:
    await_true(lambda: demo.get("/acme/flow")["taken"] >= 11 and demo.get("/acme/flow")["refused"] >= 1)
    held = demo.http.post("/acme/flow", json={"paused": True}).json()
    assert held["paused"]
    assert not demo.http.post("/acme/flow", json={"paused": False}).json()["paused"]
    refused = demo.http.post("/acme/flow", json={"paused": 1})
    assert (refused.status_code, "paused" in refused.json()["detail"]) == (422, True)


def test_a_mail_is_shown_in_every_way_and_can_do_nothing(demo: Demo) -> None:
    story(demo, demo.do("hacktocat", "mention", **{"with": "anna-kowalska"}))
    mail = next(one for one in catcher.newest(demo.folder / "mails.db") if "Hanna" in one.subject)
    path = f"/mail/{mail.id}"
    assert f'href="{path}"' in demo.http.get("/mail").text
    for view, shown in (
        ("html", f'src="{path}/html" sandbox="allow-popups'),
        ("text", "<pre"),
        ("headers", '<th scope="row">Message-ID</th>'),
        ("source", "MIME-Version: 1.0"),
        ("nonsense", "<iframe"),
    ):
        assert shown in demo.http.get(f"{path}?view={view}").text, view
    html = demo.http.get(f"{path}/html")
    policy = html.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert '<base target="_blank">' in html.text
    assert f'href="{demo.where["url"]}/' in html.text
    for gone in ("/mail/999999", "/mail/99999999999999999999999", "/mail/999999/html"):
        assert demo.http.get(gone).status_code == 404
    older = demo.http.get("/mail?before=2").text
    assert re.findall(r'href="(/mail/\d+)"', older) == ["/mail/1"]
    assert demo.http.get("/mail?before=x").status_code == 200


def test_pages_are_strict(demo: Demo) -> None:
    for path in ("/", "/as/sam-lee", "/mail"):
        answer = demo.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
        framed = "'self'" if path.startswith("/as/") else "'none'"
        assert policy.endswith(f"frame-ancestors {framed}")
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", answer.text)


def test_whoever_is_elsewhere_gets_nothing(demo: Demo) -> None:
    for path in ("/", "/as/sam-lee", "/mail", "/acme/console", "/metrics"):
        assert demo.http.get(path, headers={"Host": "evil.test"}).status_code == 403, path
    forged = demo.http.post("/as/sam-lee/token", headers={"Sec-Fetch-Site": "cross-site"})
    assert (forged.status_code, forged.json()["type"]) == (403, "urn:clarion:problem:csrf")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/as/nobody", None, 404, "unknown person 'nobody'"),
        ("GET", "/?left=nobody", None, 404, "unknown person 'nobody'"),
        ("POST", "/as/sam-lee/dance", {}, 404, "unknown deed 'dance'"),
        ("POST", "/as/sam-lee/comment", {"text": "  "}, 422, "1 to 2,000 characters"),
        ("POST", "/as/sam-lee/comment", {"text": "x" * 2001}, 422, "1 to 2,000 characters"),
        ("POST", "/as/sam-lee/comment", {"text": 1}, 422, "an object of texts"),
        ("POST", "/as/sam-lee/comment", [], 422, "an object of texts"),
        ("GET", "/acme/files/../site.py", None, 404, ""),
        ("GET", "/acme/files/nothing.js", None, 404, "acme.css"),
        ("GET", "/acme/story/01a1fbcf-f077-710e-9bb9-3cde9ed88749", None, 404, "there is no event"),
        ("DELETE", "/as/sam-lee", None, 405, "GET"),
    ],
)
def test_refusals(demo: Demo, method: str, path: str, body: object, status: int, words: str) -> None:
    refused = demo.http.request(method, path, json=body)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert words in refused.json()["detail"]


def test_what_notifications_lead_to_is_there(demo: Demo) -> None:
    for path in ("/changes/42", "/design/12", "/incidents/7", "/invoices/2041"):
        assert demo.http.get(path).headers["location"] == "/"


def test_its_usual_port_may_be_taken_but_not_one_that_was_asked_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((live.HOST, live.PORT))
            taken.listen()
        except OSError:
            pass  # by somebody else: all the same
        with serving(tmp_path / "demo") as found:
            assert not found.where["url"].endswith(f":{live.PORT}")
            assert found.get("/healthz") == {"status": "ok"}
            asked_for = found.where["url"].rpartition(":")[2]
            refused = clarion("demo", "--port", asked_for, "--no-browser")
    assert refused.code == 1
    assert "choose another" in refused.err
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--check", "--port", "0"], ["--once", "--no-browser"], ["--port", "-1"]]
)
def test_wrong_usage(arguments: list[str]) -> None:
    refused = clarion("demo", *arguments)
    assert (refused.code, refused.out) == (2, "")


@pytest.mark.parametrize(("name", "seen"), [("DISPLAY", True), ("WAYLAND_DISPLAY", True), ("TERM", False)])
def test_a_browser_is_opened_where_it_can_be_seen(
    name: str, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for one in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(name, "something")
    assert live.has_display() is seen
