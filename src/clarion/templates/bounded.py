"""Writing what an operator's own template says: in a process of its own, with little memory and little time.

The sandbox of Jinja stops escapes, not resources: `{{ 'x' * 10**9 }}` takes a gigabyte. The process knows one event and the
templates, and nothing else: no database, no environment.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from clarion.errors import InvalidInput
from clarion.event import Event
from clarion.event_type import EventType
from clarion.message import Content
from clarion.templates.renderer import Renderer

MEMORY = 512 * 1024 * 1024  # bytes of address space
SECONDS = 5  # of the processor, and of waiting
ANSWER = 2_000_000  # bytes
AT_ONCE = 2
_free = threading.BoundedSemaphore(AT_ONCE)


def render(
    renderer: Renderer, edited: Mapping[str, str], event: Event, type: EventType, how: Mapping[str, object]
) -> Content:
    """As `Renderer.render`, with these texts in place of files, by name; `how`: all else that it is told.

    Raises `InvalidInput` for all that is wrong.
    """
    if find_spec("resource") is None:
        raise InvalidInput("edited templates cannot be tried on this system: it sets processes no limits")
    asked = {
        "options": renderer.options | {"edited": dict(edited)},
        "event": event,
        "type": replace(type, resolver=None, access=None),
        "how": dict(how),
    }
    answer = _ask(pickle.dumps(asked))
    if "wrong" in answer:
        raise InvalidInput(answer["wrong"])
    return Content(title=answer["title"], text=answer["text"], html=answer["html"])


def _ask(question: bytes) -> dict[str, Any]:
    if not _free.acquire(timeout=SECONDS):
        raise InvalidInput("other templates are being tried out just now; try again")
    try:
        return _answered(question)
    finally:
        _free.release()


def _answered(question: bytes) -> dict[str, Any]:
    with subprocess.Popen(
        [sys.executable, "-m", "clarion.templates.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd="/",
        close_fds=True,
    ) as child:
        late = threading.Timer(SECONDS, child.kill)
        late.start()
        try:
            assert child.stdin is not None and child.stdout is not None  # noqa: PT018, S101 - they are pipes
            _say(child.stdin, question)
            answer = child.stdout.read(ANSWER + 1)
            child.kill()
        finally:
            late.cancel()
    if len(answer) > ANSWER:
        raise InvalidInput(f"the template writes more than {ANSWER:,} bytes")
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError:  # it was killed before it had said all
        memory = MEMORY // (1024 * 1024)
        raise InvalidInput(
            f"the template takes more than {SECONDS} s or {memory} MB; let it do less"
        ) from None
    return found


def _say(to: Any, question: bytes) -> None:
    try:
        to.write(question)
        to.close()
    except BrokenPipeError:  # it has died already, as its answer will tell
        pass
