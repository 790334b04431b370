"""What was told, in which words; and why not, where an assertion fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion import Address, Clarion, Console, Down, ids
from clarion.errors import InvalidInput, UnknownName
from clarion.testing import Testing


def emit(testing: Testing, type: str, **fields: Any) -> UUID:
    with testing.transaction() as conn:
        return testing.clarion.emit(conn, type, **fields)


def why_not(testing: Testing, *about: Any, **more: Any) -> str:
    with pytest.raises(AssertionError) as failed:
        testing.assert_told(*about, **more)
    return str(failed.value)


def test_what_is_kept_of_a_mail(testing: Testing, shop: Clarion) -> None:
    shop.recipients.upsert("bob", locale="de")
    event = emit(
        testing,
        "shipped",
        to={"participant": ["bob"]},
        severity="action",
        url="https://shop.test/7",
        data={"title": "Order 7", "text": "On Friday", "weight": 3},
    )
    testing.drain()
    mail = testing.assert_told("bob", "shipped", "email")
    (delivery,) = shop.why(event, "bob").deliveries
    assert (mail.id, mail.event.id) == (delivery.id, event)
    assert (mail.recipient, mail.type, mail.channel) == ("bob", "shipped", "email")
    assert (mail.address, mail.locale, mail.url) == ("bob@shop.test", "de", "https://shop.test/7")
    assert (mail.reason, mail.severity.label, mail.attempt) == ("participant", "action", 1)
    assert mail.title == "Order 7"
    assert "On Friday" in mail.text
    assert mail.html is not None
    assert "On Friday" in mail.html
    assert mail.data["weight"] == 3
    assert mail.at == testing.now
    assert repr(mail) == "<Told bob of shipped on email: 'Order 7'>"


def test_the_inbox_is_a_channel_like_the_others(testing: Testing, shop: Clarion) -> None:
    emit(testing, "shipped", to=["bob", "stranger"], subject="order/7", data={"text": "On Friday"})
    testing.drain()
    item = testing.assert_told("bob", "shipped", "inbox", times=1)
    assert [item.id] == [shown.id for shown in shop.inbox.list("bob").items]
    assert (item.address, item.text) == (None, "On Friday")
    assert "order/7" in item.title
    shop.inbox.mark_read("bob", [item.id])
    testing.assert_told("bob", "shipped", "inbox")
    testing.assert_silent("stranger")


def test_every_argument_narrows(testing: Testing) -> None:
    first = emit(testing, "shipped", to=["bob"])
    second = emit(testing, "shipped", to=["bob", "carol"])
    emit(testing, "found", data={"people": ["carol"]})
    testing.drain()
    assert len(testing.told()) == 3 + 3 + 1
    assert len(testing.told("bob")) == 4
    assert len(testing.told(type="shipped")) == 6
    assert len(testing.told("carol", channel="email")) == 2
    assert {told.event.id for told in testing.told("bob", "shipped", "email")} == {first, second}
    assert [told.recipient for told in testing.told(event=first)] == ["bob", "bob"]
    assert testing.assert_told("bob", "shipped", "email").event.id == second
    testing.assert_silent("carol", event=first)
    testing.assert_silent("bob", "found")


def test_one_off_addresses(testing: Testing) -> None:
    emit(testing, "shipped", to=[Address("email", "new@x.test", locale="fr")])
    testing.drain()
    assert testing.assert_told("email:new@x.test", "shipped", "email").locale == "fr"


def test_what_was_forgotten_counts_no_more(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    testing.drain()
    testing.forget()
    testing.assert_silent()
    emit(testing, "shipped", to=["bob"])
    testing.drain()
    assert len(testing.told()) == 2


def test_silence_says_nothing_while_something_is_due(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    emit(testing, "shipped", to=["bob"])
    for about in ("bob", "carol"):
        with pytest.raises(AssertionError, match=r"before drain\(\); still due: 2 events of shipped$"):
            testing.assert_silent(about)
    testing.fail("email", Down)
    testing.drain()
    testing.assert_silent("carol")
    testing.travel(minutes=1)
    with pytest.raises(AssertionError, match=r"still due: 2 deliveries of shipped to bob on email"):
        testing.assert_silent("carol")


def test_silence_that_was_broken(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"], data={"title": "Order 7"})
    testing.drain()
    with pytest.raises(AssertionError) as failed:
        testing.assert_silent("bob", channel="email")
    assert str(failed.value) == "bob was told on email.\nTold:\n  bob of shipped on email: 'Order 7'"
    with pytest.raises(AssertionError, match=r"^Somebody was told\.\nTold:\n  bob of shipped on inbox: "):
        testing.assert_silent()


def test_how_often(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    emit(testing, "shipped", to=["bob"])
    testing.drain()
    testing.assert_told("bob", "shipped", "email", times=2)
    with pytest.raises(AssertionError, match=r"^2 times, not 1: bob was told of shipped on email"):
        testing.assert_told("bob", "shipped", "email", times=1)


def test_what_is_misspelt_is_no_silence(testing: Testing) -> None:
    for ask in (testing.told, testing.assert_silent):
        with pytest.raises(UnknownName, match="did you mean 'shipped'"):
            ask("bob", "shiped")
        with pytest.raises(UnknownName, match="did you mean 'inbox'"):
            ask("bob", channel="in-box")
    with pytest.raises(InvalidInput, match="there is no event"):
        testing.assert_told("bob", event=ids.uuid7())


# ── Why not ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_preference(testing: Testing, shop: Clarion) -> None:
    shop.recipients.prefer("bob", "type:shipped", channel="email", enabled=False)
    emit(testing, "shipped", to=["bob"], subject="order/7", data={"title": "Order 7"})
    testing.drain()
    said = why_not(testing, "bob", "shipped", "email").splitlines()
    assert said[0] == "bob was not told of shipped on email."
    assert said[1].startswith("Of shipped about order/7 (event ")
    assert said[2] == "  bob was in the audience, the strongest reason being 'direct'"
    assert said[3].startswith("  email, decided: suppressed: ")
    assert "type:shipped" in said[3]
    assert said[3].endswith("[consent]")
    assert said[4:] == ["Told instead:", "  bob of shipped on inbox: 'Order 7'"]


def test_a_gate_that_names_who_holds_the_place(testing: Testing) -> None:
    first = emit(testing, "late", to=["bob"])
    testing.drain()
    second = emit(testing, "late", to=["bob"])
    testing.drain()
    said = why_not(testing, "bob", "late", "email", event=second)
    assert "a cooldown, once per 15 minutes" in said
    assert f"by late (event {first}) [cooldown]" in said


def test_who_was_not_in_the_audience(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    testing.drain()
    assert "carol was not in the audience; asked were: direct: bob" in why_not(testing, "carol", "shipped")


def test_what_waits(testing: Testing) -> None:
    testing.fail("email", RuntimeError("boom"))
    emit(testing, "shipped", to=["bob"])
    emit(testing, "shipped", to=["carol"], at=testing.now + timedelta(hours=1))
    testing.drain()
    said = why_not(testing, "bob", channel="email")
    assert "email, delivery to bob@shop.test: waiting until " in said
    assert ", in 0:01:00; last retry: error: RuntimeError: boom" in said
    assert "not decided yet: the event waits for its fan-out, due" in why_not(testing, "carol")


def test_what_was_not_drained(testing: Testing) -> None:
    emit(testing, "shipped", to=["bob"])
    said = why_not(testing, "bob")
    assert said.endswith(
        "Call drain() first. Still due:\n  1 event of shipped\nTold instead: nothing, to nobody."
    )


def test_what_was_not_emitted(testing: Testing) -> None:
    where = f"On {testing.url} no event of late was emitted"
    assert f"{where}, or it is not committed." in why_not(testing, "bob", "late")
    emit(testing, "shipped", to=["bob"])
    testing.drain()
    assert f"{where}; emitted were events of shipped." in why_not(testing, "bob", "late")


def test_a_channel_that_is_not_the_types(shop: Clarion) -> None:
    shop.channels["console"] = Console()
    with Testing(shop) as testing:
        shop.recipients.upsert("bob", addresses={"email": "bob@shop.test"})
        emit(testing, "shipped", to=["bob"])
        testing.drain()
        said = why_not(testing, "bob", "shipped", "console")
    assert "console, decided: not one of its channels, which are inbox, email" in said


def test_long_lists_are_cut(testing: Testing) -> None:
    for n in range(30):
        emit(testing, "shipped", to=["bob"], data={"title": f"Order {n}"})
    testing.drain()
    said = why_not(testing, "carol", "shipped")
    assert said.count("\nOf shipped") == 3
    assert said.count("  bob of shipped") == 20
    assert said.endswith("  and 40 more")


def test_tenants(shop: Clarion) -> None:
    with Testing(shop, tenant="acme") as testing:
        for tenant in ("acme", "umbrella"):
            shop.recipients.upsert("bob", addresses={"email": f"bob@{tenant}.test"}, tenant=tenant)
            emit(testing, "shipped", to=["bob"], tenant=tenant)
        testing.drain()
        assert [(t.channel, t.address) for t in testing.told("bob")] == [
            ("inbox", None),
            ("email", "bob@acme.test"),
        ]
