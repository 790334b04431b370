"""Imports point down only: every module of Clarion has a floor, and sees the floors below.

Read from the source, so that an import inside a function or under `TYPE_CHECKING` counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "clarion"
ROOT = Path(__file__).parents[1] / "src" / PACKAGE

# Where a new module of Clarion is added, the lowest floor on which it can stand.
FLOORS: Sequence[frozenset[str]] = (
    frozenset(
        {"errors", "clock", "ids", "json_text", "secret", "telemetry", "tracing", "config", "severity"}
    ),
    frozenset(
        {
            "recipient",
            "api_key",
            "audit_line",
            "cap",
            "change",
            "condition",
            "configuration",
            "cursor",
            "edit",
            "ending",
            "names",
            "preference",
            "policy",
            "policy_words",
            "position",
            "event",
            "event_data",
            "event_type",
            "fingerprint",
            "group",
            "item",
            "lane",
            "message",
            "question",
            "quiet_hours",
            "reason",
            "retention",
            "sentences",
            "silence",
            "slot",
            "tag_filter",
            "tally",
        }
    ),
    frozenset({"gates", "delivery", "pause"}),
    frozenset({"circumstances", "plan", "explanation", "own", "selection", "sought", "timeline"}),
    frozenset({"store", "channels", "templates", "desktop"}),
    frozenset({"workers"}),
    frozenset(
        {
            "afterwards",
            "app",
            "asking",
            "catalog",
            "changes",
            "declarations",
            "declaring",
            "desk",
            "emitting",
            "examination",
            "hooking",
            "inbox",
            "inbox_words",
            "keys",
            "lab",
            "operating",
            "overview",
            "pausing",
            "pulling",
            "recipients",
            "settings",
            "silencing",
            "simulating",
            "simulation",
            "statistics",
            "story",
            "trial",
        }
    ),
    frozenset({"cli", "web", "sources", "contrib", "testing"}),
    frozenset({"demo", "serve", "__main__"}),
)
# Their modules never import one another. Those of the lowest floors may, without cycles.
STRANGERS = (4, 7)
# Up to here lie the rules, which know of no database, no network and no waiting.
PURE = 3
DATABASE = {"aiosqlite", "alembic", "asyncpg", "django", "psycopg", "sqlalchemy", "sqlite3"}
NETWORK = {
    "aiohttp",
    "aiosmtplib",
    "fastapi",
    "http",
    "httpx",
    "httpx2",
    "smtplib",
    "socket",
    "ssl",
    "starlette",
}
WAITING = {
    "anyio",
    "asyncio",
    "concurrent",
    "multiprocessing",
    "queue",
    "selectors",
    "subprocess",
    "threading",
}
IMPURE = DATABASE | NETWORK | WAITING | {"jinja2"}
EXEMPT = {("ids", "threading")}  # a lock around one counter
# `clarion/__init__.py` only names what `app` and the floors below it make.
FRONT = 6


class Import(NamedTuple):
    """`importer` and `imported` are dotted names; inside the package they begin with its name."""

    importer: str
    imported: str
    where: str


def breaches(root: Path, floors: Sequence[frozenset[str]] = FLOORS) -> list[str]:
    """Everything in this source tree that breaks the rule, as sentences."""
    floor_of = {name: number for number, names in enumerate(floors) for name in names}
    imports = [found for path in sorted(root.rglob("*.py")) for found in imports_of(path, root)]
    homeless = {_top(module) for module in _modules(root)} - set(floor_of) - {""}
    found = [
        f"{PACKAGE}.{name} has no floor: add {name!r} to the lowest one it can stand on, in FLOORS of "
        f"tests/test_floors.py, and to the list in CONTRIBUTING.md"
        for name in sorted(homeless)
    ]
    known = [imported for imported in imports if not {_top(imported.importer)} & homeless]
    found += [breach for imported in known if (breach := _breach(imported, floor_of))]
    return found + _cycles(known, floor_of)


def imports_of(path: Path, root: Path) -> Iterator[Import]:
    """What this file imports, wherever in the file it does."""
    importer = _name(path, root)
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        where = f"{path.relative_to(root.parent)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from (Import(importer, alias.name, where) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            if base == PACKAGE:  # `from clarion import clock` names a module, or something of the front
                yield from (
                    Import(importer, f"{base}.{_member(root, alias.name)}", where) for alias in node.names
                )
            else:
                yield Import(importer, base, where)


def _breach(found: Import, floor_of: Mapping[str, int]) -> str | None:
    importer, imported = _top(found.importer), _top(found.imported)
    floor = floor_of[importer] if importer else FRONT
    if not _inside(found.imported):
        library = found.imported.partition(".")[0]
        if floor <= PURE and importer and library in IMPURE and (importer, library) not in EXEMPT:
            return f"{found.where}: floor {floor} holds rules only, and imports {library}"
        return None
    if imported == importer or (imported not in floor_of and imported):
        return None  # within a family; or homeless, and reported as such
    target = floor_of[imported] if imported else FRONT
    if target > floor:
        return f"{found.where}: {importer or PACKAGE} (floor {floor}) imports {imported or PACKAGE} (floor {target}), which is above it"
    if target == floor and importer and not imported:
        return f"{found.where}: {importer} imports from {PACKAGE} itself; import from the module"
    if target == floor and floor in STRANGERS:
        return f"{found.where}: {importer} and {imported} share floor {floor}, where none may know another"
    return None


def _cycles(imports: list[Import], floor_of: Mapping[str, int]) -> list[str]:
    """Modules of Clarion that import one another in a circle."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        importer, imported = _top(found.importer), _top(found.imported)
        if _inside(found.imported) and importer and imported in floor_of and imported != importer:
            graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"modules import one another in a circle: {' → '.join(reversed(error.args[1]))}"]
    return []


def _modules(root: Path) -> Iterator[str]:
    return (_name(path, root) for path in root.rglob("*.py"))


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _member(root: Path, name: str) -> str:
    """The module that `from clarion import name` loads; the front itself is the empty name."""
    return name if (root / f"{name}.py").exists() or (root / name).is_dir() else ""


def _inside(dotted: str) -> bool:
    return dotted.partition(".")[0] == PACKAGE


def _top(dotted: str) -> str:
    """`clarion.store.schema` → `store`; the package itself is the empty name."""
    return dotted.split(".")[1] if "." in dotted and _inside(dotted) else ""


def test_imports_point_down_only() -> None:
    assert breaches(ROOT) == []


def test_the_front_only_names_what_others_make() -> None:
    """`clarion/__init__.py`: a docstring, imports, names; perhaps a lazy `__getattr__`."""
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    definitions = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert set(definitions) <= {"__getattr__", "__dir__"}


def tree(root: Path, files: Mapping[str, str]) -> Path:
    """A small package `clarion` with these files."""
    package = root / PACKAGE
    for name, source in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return package


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"plan.py": "from clarion.app import Clarion", "app.py": ""}, "plan (floor 3) imports app (floor 6)"),
        ({"plan.py": "import clarion.store.schema", "store/schema.py": ""}, "plan (floor 3) imports store (floor 4)"),
        ({"event.py": "from clarion import plan", "plan.py": ""}, "event (floor 1) imports plan (floor 3)"),
        ({"event.py": "from . import plan", "plan.py": ""}, "event (floor 1) imports plan (floor 3)"),
        ({"store/a.py": "from ..workers import loop", "workers/__init__.py": ""}, "store (floor 4) imports workers"),
        ({"store/a/b.py": "from ...workers.loop import x", "workers/loop.py": ""}, "store (floor 4) imports workers"),
        ({"ids.py": "def f():\n    from clarion.event import Event", "event.py": ""}, "clarion/ids.py:2: ids (floor 0)"),
        (
            {"ids.py": "if TYPE_CHECKING:\n    from clarion.event import Event", "event.py": ""},
            "ids (floor 0) imports event (floor 1)",
        ),
        ({"store/a.py": "import clarion.channels", "channels/__init__.py": ""}, "store and channels share floor 4"),
        ({"cli/a.py": "from clarion.web import b", "web/b.py": ""}, "cli and web share floor 7"),
        ({"plan.py": "import sqlalchemy as sa"}, "floor 3 holds rules only, and imports sqlalchemy"),
        ({"clock.py": "def f():\n    import asyncio.events"}, "floor 0 holds rules only, and imports asyncio"),
        ({"workers/a.py": "from clarion import Clarion"}, "workers (floor 5) imports clarion (floor 6)"),
        ({"app.py": "from clarion import Clarion"}, "app imports from clarion itself"),
        ({"__init__.py": "from clarion.cli import main", "cli/__init__.py": ""}, "clarion (floor 6) imports cli (floor 7)"),
        (
            {"event.py": "import clarion.policy", "policy.py": "import clarion.message", "message.py": "import clarion.event"},
            "modules import one another in a circle: event → policy → message → event",
        ),
        ({"shiny.py": ""}, "clarion.shiny has no floor: add 'shiny' to the lowest one it can stand on, in FLOORS of"),
        ({"shiny/deep/er.py": ""}, "clarion.shiny has no floor"),
    ],
)  # fmt: skip
def test_a_breach_is_found(files: dict[str, str], message: str, tmp_path: Path) -> None:
    found = breaches(tree(tmp_path, files))
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    "files",
    [
        {
            "event.py": "from clarion.policy import Policy\nfrom clarion import ids",
            "policy.py": "",
            "ids.py": "",
        },
        {"store/a.py": "from clarion.store.b import x\nfrom . import b", "store/b.py": "import sqlalchemy"},
        {
            "workers/a.py": "import asyncio\nfrom clarion import store, channels",
            "store/a.py": "",
            "channels/a.py": "",
        },
        {
            "__init__.py": "from clarion.app import Clarion",
            "app.py": "",
            "cli/a.py": "from clarion import Clarion",
        },
        {"demo/a.py": "from clarion.cli import b\nfrom clarion.web import c", "cli/b.py": "", "web/c.py": ""},
        {"__main__.py": "from clarion.cli import main", "cli/__init__.py": ""},
        {"plan.py": "import json, re\nfrom datetime import timedelta"},
    ],
)
def test_what_points_down_passes(files: dict[str, str], tmp_path: Path) -> None:
    assert breaches(tree(tmp_path, files)) == []
