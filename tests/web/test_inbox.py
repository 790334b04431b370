"""The routes of a recipient's inbox: each does what the library does, for the recipient who asks and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from clarion import Clarion, clock
from clarion.web import inbox_pages
from tests.support.working import until, working
from tests.web.conftest import token
from tests.web.inbox import told

pytestmark = pytest.mark.anyio

BOB = token("bob")
STATES = ["seen_at", "read_at", "done_at", "saved_at", "snoozed_until"]


@pytest.fixture(autouse=True)
async def worker(clarion: Clarion) -> AsyncIterator[None]:
    async with working(clarion):
        yield


async def shown(http: httpx2.AsyncClient, headers: dict[str, str] = BOB, **query: Any) -> dict[str, Any]:
    answer = await http.get("/v1/inbox", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def marked(http: httpx2.AsyncClient, verb: str, *ids: str, **more: Any) -> dict[str, Any]:
    answer = await http.post(f"/v1/inbox/{verb}", json={"ids": ids, **more}, headers=BOB)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(page: dict[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


async def test_an_item_has_all_that_is_shown(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    id = await told(
        clarion, actor="alice", subject="cl/1", thread="cl/1", tags=["x"], severity="action",
        data={"title": "Merged", "text": "Well done"}, url="https://acme.test/cl/1",
    )  # fmt: skip
    page = await shown(http)
    (item,) = page["items"]
    event = item["event"]
    assert (item["id"], item["title"], item["text"], item["url"]) == (
        id,
        "Merged",
        "Well done",
        "https://acme.test/cl/1",
    )
    assert (item["reason"], item["severity"]) == ("direct", "action")
    assert {name: event[name] for name in event if name != "id"} == {
        "type": "note",
        "category": "notes",
        "actor": "alice",
        "subject": "cl/1",
        "thread": "cl/1",
        "tags": ["x"],
    }
    assert datetime.fromisoformat(item["at"]).tzinfo is not None
    assert [item[state] for state in (*STATES, "resolved_at")] == [None] * 6
    assert page["next"] is None
    assert page["feed"] == clarion.changes.newest()
    assert page["counts"] == {"unseen": 1, "unread": 1, "saved": 0, "snoozed": 0, "done": 0, "inbox": 1}
    assert (await http.get("/v1/inbox/counts", headers=BOB)).json() == page["counts"]


async def test_pages_follow_each_other(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    made = [await told(clarion) for _ in range(5)]
    found, cursor = [], None
    while True:
        page = await shown(http, limit=2, **({} if cursor is None else {"cursor": cursor}))
        found += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert [item["id"] for item in found] == made[::-1]
    places = [item["place"] for item in found]
    assert places == sorted(places, reverse=True)


async def test_filters(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    low = await told(clarion, severity="info", subject="a", tags=["team:x"], data={"title": "Old Cheese"})
    high = await told(
        clarion, severity="urgent", thread="t", data={"title": "New", "text": "bread and cheese"}
    )
    account = await told(clarion, "security")
    for query, wanted in (
        ({"category": "notes"}, [high, low]),
        ({"type": "security"}, [account]),
        ({"severity": "action", "category": "notes"}, [high]),
        ({"tag": "team:*"}, [low]),
        ({"subject": "a"}, [low]),
        ({"thread": "t"}, [high]),
        ({"q": "CHEESE"}, [high, low]),
        ({"q": "cheese bread"}, [high]),
        ({"q": "wine"}, []),
    ):
        assert ids(await shown(http, **query)) == wanted, query


async def test_words_are_searched_in_pages(
    http: httpx2.AsyncClient, clarion: Clarion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_pages, "MOST", 2)
    monkeypatch.setattr(inbox_pages, "LOOKED_AT", 4)
    made = [await told(clarion, data={"title": "even" if n % 2 else "odd"}) for n in range(9)]
    found, cursor, pages = [], None, 0
    while True:
        page = await shown(http, limit=1, q="odd", **({} if cursor is None else {"cursor": cursor}))
        found, pages = found + ids(page), pages + 1
        if (cursor := page["next"]) is None:
            break
    assert found == made[::-2]
    assert pages <= 7


async def test_threads(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    await told(clarion, thread="t", actor="alice", data={"title": "First"})
    alone = await told(clarion)
    newest = await told(clarion, thread="t", actor="carol", data={"title": "Second"})
    page = await shown(http, group="thread")
    assert [(one["thread"], one["items"], one["unread"], one["newest"]["id"]) for one in page["groups"]] == [
        ("t", 2, 2, newest),
        (None, 1, 1, alone),
    ]
    assert page["groups"][0]["actors"] == ["carol", "alice"]
    only = (await shown(http, group="thread", q="first"))["groups"]
    assert [(one["thread"], one["items"], one["newest"]["title"]) for one in only] == [("t", 1, "First")]


async def test_threads_of_other_views_come_once_each(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    made = [await told(clarion, thread=f"t{n % 3}") for n in range(7)]
    await marked(http, "done", *made)
    found: list[tuple[str, int]] = []
    cursor = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = await shown(http, view="done", group="thread", limit=2, **more)
        found += [(one["thread"], one["items"]) for one in page["groups"]]
        if (cursor := page["next"]) is None:
            break
    assert found == [("t0", 3), ("t2", 2), ("t1", 2)]


@pytest.mark.parametrize(
    ("verb", "inverse", "state", "view"),
    [
        ("seen", "unseen", "seen_at", "inbox"),
        ("read", "unread", "read_at", "inbox"),
        ("done", "undone", "done_at", "done"),
        ("save", "unsave", "saved_at", "saved"),
    ],
)
async def test_marks_and_their_inverses(
    http: httpx2.AsyncClient, clarion: Clarion, verb: str, inverse: str, state: str, view: str
) -> None:
    id, other = await told(clarion), await told(clarion)
    for how, is_set in ((verb, True), (inverse, False)):
        (one,) = (await marked(http, how, id))["changed"]
        assert one["id"] == id
        assert (one[state] is not None) == is_set
        assert (await marked(http, how, id))["changed"] == []
        assert (id in ids(await shown(http, view=view))) == (is_set or view == "inbox")
    assert ids(await shown(http)) == [other, id]


async def test_deleting_snoozing_and_back(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    id = await told(clarion)
    deleted = await marked(http, "delete", id)
    assert deleted["changed"][0]["deleted_at"]
    assert deleted["counts"]["inbox"] == 0
    assert ids(await shown(http)) == []
    assert (await marked(http, "undelete", id))["counts"]["inbox"] == 1
    then = (clock.now() + timedelta(hours=1)).isoformat()
    snoozed = await marked(http, "snooze", id, until=then)
    assert datetime.fromisoformat(snoozed["changed"][0]["snoozed_until"]) == datetime.fromisoformat(then)
    assert (snoozed["counts"]["inbox"], snoozed["counts"]["snoozed"]) == (0, 1)
    assert ids(await shown(http, view="snoozed")) == [id]
    assert (await marked(http, "unsnooze", id))["counts"]["inbox"] == 1


async def test_all_that_is_shown_is_marked_by_its_ids(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    made = [await told(clarion) for _ in range(3)]
    page = await shown(http)
    late = await told(clarion)
    answer = await marked(http, "read", *ids(page))
    assert {one["id"] for one in answer["changed"]} == set(made)
    assert answer["counts"]["unread"] == 1
    assert ids(await shown(http, view="unread")) == [late]


async def test_ids_of_others_change_nothing_and_tell_nothing(
    http: httpx2.AsyncClient, clarion: Clarion
) -> None:
    carols = await told(clarion, to="carol", thread="t")
    elsewhere = await told(clarion, tenant="other", thread="t")
    nobodys = str(uuid4())
    theirs = [carols, elsewhere, nobodys]
    for verb in ("seen", "read", "done", "save", "delete"):
        assert (await marked(http, verb, *theirs))["changed"] == []
    assert (await marked(http, "snooze", *theirs, until="2099-01-01T00:00:00Z"))["changed"] == []
    for id in theirs:
        for method, path in (("GET", "why"), ("POST", "stop"), ("POST", "mute"), ("DELETE", "mute")):
            body = {"until": None} if (method, path) == ("POST", "mute") else None
            answer = await http.request(method, f"/v1/inbox/{id}/{path}", json=body, headers=BOB)
            assert answer.status_code == 404, (path, answer.text)
    assert ids(await shown(http)) == []
    for headers, id in ((token("carol"), carols), (token("bob", tenant="other"), elsewhere)):
        page = await shown(http, headers)
        assert ids(page) == [id]
        assert [page["items"][0][state] for state in STATES] == [None] * 5


async def test_a_key_acts_for_a_recipient(
    http: httpx2.AsyncClient, clarion: Clarion, key: Callable[..., dict[str, str]]
) -> None:
    id = await told(clarion, to="carol")
    assert ids(await shown(http, {**key("inbox"), "Clarion-Recipient": "carol"})) == [id]
    other = {**key("inbox", tenant="other"), "Clarion-Recipient": "carol"}
    assert ids(await shown(http, other)) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "?view=nowhere", None),
        ("GET", "?severity=enormous", None),
        ("GET", "?category=none", None),
        ("GET", "?limit=201", None),
        ("GET", "?cursor=x", None),
        ("GET", "?group=thread&cursor=x&q=y", None),
        ("GET", "/stream?after=-1", None),
        ("GET", "/stream?after=x", None),
        ("POST", "/read", {"ids": []}),
        ("POST", "/read", {"ids": ["x"]}),
        ("POST", "/read", {"ids": [str(uuid4())] * 1001}),
        ("POST", "/eaten", {"ids": [str(uuid4())]}),
        ("POST", "/snooze", {"ids": [str(uuid4())]}),
        ("POST", "/snooze", {"ids": [str(uuid4())], "until": "2001-01-01T00:00:00Z"}),
        ("GET", "/x/why", None),
    ],
)
async def test_what_cannot_be_is_a_problem(
    http: httpx2.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await http.request(method, f"/v1/inbox{path}", json=body, headers=BOB)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:clarion:problem:invalid")


# ── Why, stop and mute: of what comes next ───────────────────────────────────────────────────────────────


async def test_stopping_it_stops_the_next_one(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    for fields in ({"thread": "cl/7"}, {}):
        id = await told(clarion, **fields)
        why = (await http.get(f"/v1/inbox/{id}/why", headers=BOB)).json()
        assert why["sentence"].startswith("You were told by inbox")
        assert why["channels"][0]["told"] is True
        assert why["stop"]["sentence"] == why["stop_sentence"]
        assert (await http.post(f"/v1/inbox/{id}/stop", headers=BOB)).status_code == 204
        await _comes_to_nothing(clarion, **fields)
    by = [entry.by for entry in clarion.recipients.history("bob")]
    assert by == ["bob", "bob"]


async def test_what_is_required_cannot_be_stopped(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    id = await told(clarion, "security")
    why = (await http.get(f"/v1/inbox/{id}/why", headers=BOB)).json()
    assert why["stop"] is None
    answer = await http.post(f"/v1/inbox/{id}/stop", headers=BOB)
    assert (answer.status_code, answer.json()["detail"]) == (422, why["stop_sentence"])


async def test_muting_a_thread_until_it_is_not(http: httpx2.AsyncClient, clarion: Clarion) -> None:
    id, alone = await told(clarion, thread="cl/8"), await told(clarion)
    path = f"/v1/inbox/{id}/mute"
    assert (await http.post(path, json={"until": None}, headers=BOB)).status_code == 204
    await _comes_to_nothing(clarion, thread="cl/8")
    assert (await http.delete(path, headers=BOB)).status_code == 204
    back = await told(clarion, thread="cl/8")
    assert ids(await shown(http)) == [back, alone, id]
    refused = await http.post(f"/v1/inbox/{alone}/mute", json={"until": None}, headers=BOB)
    assert refused.status_code == 422


async def _comes_to_nothing(clarion: Clarion, **fields: Any) -> None:
    """The next event of this kind is decided, and not for bob's inbox."""
    event = clarion.database.run(lambda conn: clarion.emit(conn, "note", to=["bob"], **fields))
    (one,) = await until(lambda: clarion.status(event))
    assert one.visible is False
