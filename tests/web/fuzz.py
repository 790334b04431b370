"""Every operation of the API, asked with what its description allows and with what it does not: by schemathesis.

    python -m tests.web.fuzz --examples 1000 --database sqlite --only "POST /v1/events"

It must find no server error, and no status, content or header that the description does not know of. Each example of
the description must be taken. Most other cases are such an example with one or two values as schemathesis makes them,
fitting or not: so it is these that are looked at, not the first of many that are wrong. What is there: `fuzz_world`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, strategies
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from clarion import Clarion
from tests.support.postgres import FAST, Postgres
from tests.support.working import PATIENCE
from tests.web import fuzz_world
from tests.web.fuzz_world import FETCHED, World

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
AGAIN = {"cursor", "after", "before"}  # what `next` of an answer is to be sent as
ODD = 2  # of an example's values, at most so many are replaced at once; else all were refused for the first
LONGEST = 10  # so many of a list
RARELY = strategies.integers(0, 7).map((5).__eq__)  # hypothesis likes what is at the ends

# ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────


def operations(found: World) -> list[Any]:
    """Those of the description, as schemathesis reads it; first those of what is fetched, which others take away, and
    last those after which something is gone."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", found.app)
    all_of_them = [one.ok() for one in schema.get_all_operations()]
    ending = ("/cancel", "/deactivate", "/v1/recipients/{recipient}")
    return sorted(
        all_of_them,
        key=lambda one: (FETCHED not in one.path, one.method == "delete", one.path.endswith(ending)),
    )


def ask(found: World, operation: Any, examples: int, *, seed: int | None = None) -> None:
    """The examples of the description, each of which must be taken, and one of them from strangers; then so many other
    cases of the operation.

    Raises what a check finds, made as small as it can be.
    """
    there, bodies, callers = found.there(operation), _bodies(found, operation), found.callers(operation)
    pages = []
    for case in _exemplary(operation, there, bodies):
        pages += _follow(found, operation, case, callers)
    words = {**found.words(), **(dict.fromkeys(AGAIN, pages) if pages else {})}
    for who in found.who.strangers[:2]:
        _answer(found, operation, case, who)
    asking = strategies.sampled_from([*callers] * (36 // len(callers)) + found.who.strangers)

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=_cases(operation, there), who=asking, data=strategies.data())
    def run(case: Any, who: Mapping[str, str], data: Any) -> None:
        if bodies and not data.draw(RARELY):
            example = data.draw(strategies.sampled_from(bodies[case.media_type]))
            alike = isinstance(case.body, type(example))
            case.body = _near(example, case.body, data, words) if alike else example
            if not data.draw(RARELY):
                case.headers = {}  # a made up Idempotency-Key is not the key of the example
        if case.query and not data.draw(RARELY):
            case.query = _near(_needed(operation), case.query, data, words)
        if "Cookie" in who:  # else a made up one would be sent instead
            case.cookies = {}
            case.headers.pop("Authorization", None)
        _answer(found, operation, case, who)

    (run if seed is None else hypothesis.seed(seed)(run))()


def _answer(found: World, operation: Any, case: Any, who: Mapping[str, str]) -> Any:
    response = case.call(session=found.client, headers=dict(who), timeout=PATIENCE)
    found.statuses[operation.label, response.status_code] += 1
    case.validate_response(response, checks=CHECKS)
    return response


def _near(example: Any, said: Any, data: Any, words: Mapping[str, Sequence[Any]]) -> Any:
    """The example, with one or two of the values that are said, or a word that is known in the place of one."""
    if isinstance(example, list) and example and isinstance(said, list):
        return [_near(example[n % len(example)], one, data, words) for n, one in enumerate(said[:LONGEST])]
    if not isinstance(example, dict) or not isinstance(said, dict):
        return said
    made = dict(example)
    if not said:
        return made
    for name in sorted(data.draw(strategies.sets(strategies.sampled_from(sorted(said)), max_size=ODD))):
        known = name in words and not data.draw(RARELY)
        made[name] = (
            data.draw(strategies.sampled_from(words[name]))
            if known
            else _near(example.get(name), said[name], data, words)
        )
    return made


@strategies.composite
def _cases(draw: strategies.DrawFn, operation: Any, there: Mapping[str, Sequence[str]]) -> Any:
    """What fits the description, and, where anything can be wrong, what does not. Mostly of what is there: else hardly
    more than 404 would be seen."""
    beside = bool(operation.body or operation.query)
    wrong = draw(strategies.booleans()) if beside or there else False
    known = not draw(RARELY) if beside or not wrong else False
    path = {name: draw(strategies.sampled_from(values)) for name, values in there.items()} if known else None
    mode = GenerationMode.NEGATIVE if wrong else GenerationMode.POSITIVE
    return draw(operation.as_strategy(generation_mode=mode, path_parameters=path))


# ── As the description says ──────────────────────────────────────────────────────────────────────────────


def _exemplary(
    operation: Any, there: Mapping[str, Sequence[str]], bodies: Mapping[str, Sequence[Any]]
) -> Iterator[Any]:
    said: dict[str, Any] = {
        "path_parameters": {name: values[0] for name, values in there.items()},
        "query": _needed(operation),
    }
    if not operation.body:
        yield operation.Case(**said)
    for media_type, examples in bodies.items():
        assert examples, f"the description of {operation.label} gives no example of {media_type}"
        for example in examples:
            yield operation.Case(**said, body=example, media_type=media_type)


def _follow(found: World, operation: Any, case: Any, callers: Sequence[Mapping[str, str]]) -> list[Any]:
    """An example is taken from one of those who may; where there are pages, the second, too. What leads to it."""
    names = {one.name for one in operation.query}
    if paged := AGAIN & names if "limit" in names else set():
        case.query = {**case.query, "limit": 1}
    for who in callers:
        answer = _answer(found, operation, case, who)
        if answer.status_code < 300:
            break
    else:
        raise AssertionError(f"{operation.label} refuses an example of its description: {answer.text}")
    if not paged or (more := answer.json()["next"]) is None:
        return []
    case.query = {**case.query, paged.pop(): more}
    assert _answer(found, operation, case, who).status_code == 200, f"{operation.label}: no second page"
    return [more]


def _needed(operation: Any) -> dict[str, Any]:
    """The parameters without which nothing is answered, as in their examples."""
    return {one.name: one.definition["schema"]["examples"][0] for one in operation.query if one.is_required}


def _bodies(found: World, operation: Any) -> dict[str, list[Any]]:
    """The examples of whole bodies, by media type."""
    document, only_here = found.app.openapi(), found.only_here(operation)
    content = operation.definition.raw.get("requestBody", {}).get("content", {})
    return {
        media_type: [
            {**one, **only_here} if only_here else one for one in _examples(document, said["schema"])
        ]
        for media_type, said in content.items()
    }


def _examples(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _examples(document, document["components"]["schemas"][name])
    choice = schema.get("anyOf") or schema.get("oneOf") or ()
    return [*schema.get("examples", ()), *(example for one in choice for example in _examples(document, one))]


# ── As a command ─────────────────────────────────────────────────────────────────────────────────────────


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.web.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="of each operation (default: 1000)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", default="", help="operations whose name holds this")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    options = parser.parse_args(arguments)
    logging.getLogger("clarion").addHandler(logging.StreamHandler(sys.stderr))
    print(f"seed {options.seed}", flush=True)
    with _application(options.database) as clarion:
        found = fuzz_world.populated(clarion)
        chosen = [one for one in operations(found) if options.only in one.label]
        wrong = [one.label for one in chosen if not _passes(found, one, options)]
        schemathesis.python.asgi.shutdown_lifespans()
    print(
        f"{sum(found.statuses.values()):,} cases of {len(chosen)} operations; with findings: {wrong or 'none'}"
    )
    return 1 if wrong else 0


def _passes(found: World, operation: Any, options: argparse.Namespace) -> bool:
    finding = ""
    try:
        ask(found, operation, options.examples, seed=options.seed)
    except Exception as error:  # noqa: BLE001 - to be told, and the others asked all the same
        # What did not come again is within another that says so.
        finding = "".join(f"\n✗ {one!r}" for one in (error, *getattr(error, "exceptions", ())))
    answered = {
        status: n for (label, status), n in sorted(found.statuses.items()) if label == operation.label
    }
    print(f"{operation.label}: {sum(answered.values())} cases {answered}{finding}", flush=True)
    return not finding


@contextmanager
def _application(database: str) -> Iterator[Clarion]:
    with _empty(database) as url:
        clarion = Clarion(url, channels=fuzz_world.channels())
        clarion.migrate()
        yield clarion
        clarion.close()


@contextmanager
def _empty(database: str) -> Iterator[str]:
    if database == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'fuzz.db'}"
    else:
        with Postgres(FAST) as server:
            yield server.create_database("fuzz")


if __name__ == "__main__":
    sys.exit(main())
