"""What recipients read about their own: why, nothing of anybody else, and the one change that really stops it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion.event import Event
from clarion.explanation import DECIDED, Explanation, Progress, explain
from clarion.own import Own
from clarion.plan import decide
from clarion.question import Question
from clarion.recipient import Address
from tests.support.events import event
from tests.test_explanation import NIGHT, record
from tests.test_gates import LATER, place, question
from tests.test_question import questions

topics = st.none() | st.sampled_from(["cl/42", "cl/42#7", "deploys"])
events = st.builds(
    event,
    subject=topics,
    thread=topics,
    topic=topics,
    to=st.sampled_from([["bob"], ["alice"], {"author": ["bob"], "reviewer": ["alice"]}]),
)


def own(asked: Question, of: Event | None = None, *, resolver: bool = False, **values: Any) -> Own:
    return why(asked, of, resolver=resolver, **values).own()


def why(asked: Question, of: Event | None = None, *, resolver: bool = False, **values: Any) -> Explanation:
    return explain(of or event(to=["bob"]), DECIDED, resolver, "bob", record(asked, **values))


@settings(deadline=None)
@given(questions, events, st.booleans(), st.sampled_from(["author", "mention", "subscribed", "direct"]))
def test_the_one_change_really_stops_it(asked: Question, of: Event, resolver: bool, reason: str) -> None:
    asked = asked._replace(type=of.type, reason=reason)
    explained = why(asked, of, resolver=resolver, reason=reason)
    view = explained.own()
    assert view.told == explained.told == any(d.told for d in decide(asked))
    if view.stop is None:
        assert not view.told or asked.required
        return
    after = view.stop.applied(asked)
    if after is None:
        assert explained.by_topic
        assert view.stop.kind == "unsubscribe"
    else:
        assert not any(d.told for d in decide(after))
    assert view.stop_sentence == view.stop.sentence


def test_each_kind_of_stop_with_what_to_apply() -> None:
    asked = question(places=(place("inbox"),))
    thread = own(asked, event(to=["bob"], thread="cl/42#7", subject="cl/42")).stop
    assert thread is not None
    assert (thread.kind, thread.arguments, thread.options) == ("watch", ("cl/42#7", "none"), {})
    assert thread.sentence == "To stop it, follow cl/42#7 at level 'none'"

    alone = own(asked).stop
    assert alone is not None
    assert (alone.kind, alone.arguments, alone.options) == ("prefer", ("type:cl.merged",), {"enabled": False})

    followed = event(to=["alice"], topic="deploys")
    topic = own(asked, followed, reason="subscribed").stop
    assert topic is not None
    assert (topic.kind, topic.arguments, topic.options) == ("unsubscribe", ("deploys",), {})
    by_resolver = own(asked, followed, resolver=True, reason="subscribed").stop
    assert by_resolver is not None
    assert by_resolver.kind == "watch", "the resolver may name them as well"


def test_what_is_required_cannot_be_stopped_and_says_so() -> None:
    view = own(question(required=True, places=(place("inbox"),)))
    assert view.stop is None
    assert view.stop_sentence == "Messages of this kind are required: they cannot be switched off"


def test_what_was_not_told_needs_no_stop() -> None:
    view = own(question(switched_on=False, places=(place("inbox"),)))
    assert not view.told
    assert view.stop is None
    assert view.sentence == "It concerned you, because what it is about is yours, but you were not told"
    assert [c.sentence for c in view.channels] == ["you switched all notifications off"]


@pytest.mark.parametrize(
    ("reason", "because"),
    [
        ("mention", "you were mentioned in cl/42"),
        ("assigned", "cl/42 is assigned to you"),
        ("reviewer", "you review cl/42"),
        ("author", "cl/42 is yours"),
        ("participant", "you take part in cl/42"),
        ("direct", "it was addressed to you"),
        ("watcher", "your part in cl/42 is 'watcher'"),
        ("{it.x} of {y}", "your part in cl/42 is '{it.x} of {y}'"),
    ],
)
def test_the_reason_in_plain_words(reason: str, because: str) -> None:
    asked = question(
        places=(place("inbox"), place("email", wanted=False, wanted_by="* on email"), place("sms"))
    )
    view = own(asked, event(to=["bob"], subject="cl/42"), reason=reason)
    assert view.sentence == f"You were told by inbox and sms, because {because}"
    assert [(c.channel, c.told, c.sentence) for c in view.channels] == [
        ("inbox", True, "told"),
        ("email", False, "you said no (* on email)"),
        ("sms", True, "told"),
    ]


def test_who_follows_a_topic_reads_which() -> None:
    view = own(question(places=(place("inbox"),)), event(topic="deploys", subject="x"), reason="subscribed")
    assert view.sentence == "You were told by inbox, because you follow deploys"


def test_what_waits_says_until_when_on_the_recipients_clock() -> None:
    view = own(question(quiet_hours=NIGHT, time_zone="Asia/Tokyo", places=(place("email"),)))
    assert view.channels[0].until is not None
    assert view.channels[0].sentence == "held until 2027-03-02 07:00 Asia/Tokyo: your quiet hours"


def test_nothing_of_anybody_else_stands_in_it() -> None:
    of = event(
        actor="OTHER-actor",
        subject="cl/42",
        to={"author": ["bob", "OTHER-1"], "reviewer": ["OTHER-2", Address("email", "OTHER@x.test")]},
        data={"text": "OTHER-text"},
    )
    silent = place("sms", silence="1", silenced_by="OTHER-operator: OTHER-comment", silenced_until=LATER)
    shown = repr(own(question(places=(place("inbox"), silent)), of))
    assert "OTHER" not in shown
    nobody = explain(of, DECIDED, True, "bob", None).own()
    assert "OTHER" not in repr(nobody)
    assert (nobody.told, nobody.stop) == (False, None)
    assert nobody.sentence == "You were not told of this: it did not concern you"


def test_who_may_not_see_it_does_not_read_what_it_is_about() -> None:
    view = own(
        question(access=False, places=(place("inbox"),)), event(to=["bob"], subject="SECRET", thread="SECRET")
    )
    assert view.sentence == "You were not told of this: you may not see what it is about"
    assert "SECRET" not in repr(view)


def test_what_is_not_decided_yet_says_so_and_not_that_it_did_not_concern_them() -> None:
    waiting = Progress(walked=False, failure=None, failures=0, due_at=LATER)
    for progress in (waiting, replace(waiting, failure="ValueError", due_at=None)):
        view = explain(event(to=["bob"]), progress, False, "bob", None).own()
        assert (view.told, view.sentence) == (None, "Whether you are told of this is not decided yet")
    over = explain(event(to=["alice"]), DECIDED, False, "bob", None).own()
    assert (over.told, over.sentence) == (False, "You were not told of this: it did not concern you")
