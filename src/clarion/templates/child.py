"""The process of `bounded`: limits itself, writes one event's words, says them as JSON, and ends."""

from __future__ import annotations

import json
import pickle
import resource
import sys

from clarion.errors import ClarionError
from clarion.templates.bounded import ANSWER, MEMORY, SECONDS
from clarion.templates.renderer import Renderer


def main() -> None:
    limit()
    asked = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one, and from nobody else
    try:
        content = Renderer(**asked["options"]).render(asked["event"], asked["type"], **asked["how"])
        said = {"title": content.title, "text": content.text, "html": content.html}
    except ClarionError as error:
        said = {"wrong": str(error)}
    except (MemoryError, RecursionError) as error:
        said = {"wrong": f"the template takes too much: {type(error).__name__}"}
    answer = json.dumps(said)
    if len(answer) > ANSWER:
        answer = json.dumps({"wrong": f"the template writes more than {ANSWER:,} bytes"})
    sys.stdout.write(answer)


def limit() -> None:
    """From here on this process has so much, and writes no file."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
