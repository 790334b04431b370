"""The plugin for pytest, and the document about it, in projects that know nothing of this one."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.docs.code import ROOT, blocks

pytest_plugins = ["pytester"]

APPLICATION = """
from clarion import Clarion

class Real:
    name = "email"

    async def send(self, message, address):
        raise AssertionError("for real")

clarion = Clarion("sqlite:////nowhere/at/all.db", channels=[Real()])
clarion.type("shipped", channels=("inbox", "email"))

def ship(conn):
    return clarion.emit(conn, "shipped", to=["bob"], data={"title": "Order 7"})
"""

CONFTEST = """
import pytest
import shop

@pytest.fixture
def clarion_application():
    return shop.clarion
"""

TESTS = """
import pytest
import shop
from clarion import clock

def test_told(clarion_test):
    shop.clarion.recipients.upsert("bob", addresses={"email": "bob@shop.test"})
    with clarion_test.transaction() as conn:
        shop.ship(conn)
    clarion_test.travel(hours=1)
    clarion_test.drain()
    clarion_test.assert_told("bob", "shipped", "email")

def test_between_the_others():
    assert not clock.stands_still()
    assert clock.journey().total_seconds() == 0
    assert shop.clarion.database.url.database == "/nowhere/at/all.db"
    assert type(shop.clarion.channels["email"]) is shop.Real

def test_not_told(clarion_test):
    with clarion_test.transaction() as conn:
        shop.ship(conn)
    clarion_test.drain()
    clarion_test.assert_told("bob", "shipped", "email")
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project that gets the plugin as an installed Clarion brings it: by its entry point, and not otherwise."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    info = pytester.mkdir("installed") / "clarion_of_this_test-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clarion-of-this-test\nVersion: 1\n")
    points = "".join(f"{name} = {value}\n" for name, value in declared.items())
    (info / "entry_points.txt").write_text(f"[pytest11]\n{points}")
    monkeypatch.setenv("PYTHONPATH", str(info.parent), prepend=":")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    return pytester


def test_in_a_fresh_project(project: pytest.Pytester) -> None:
    project.makepyfile(shop=APPLICATION, conftest=CONFTEST, test_shop=TESTS)
    result = project.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*clarion_test.assert_told(*",
            "E*AssertionError: bob was not told of shipped on email.",
            "E*email, decided: suppressed: there is no recipient of this id [[]active[]]",
            "*Told instead: nothing, to nobody.",
        ]
    )
    assert "testing.py" not in result.stdout.str().partition("short test summary")[0], (
        "our own frames are shown"
    )


def test_it_is_listed_with_its_fixtures(project: pytest.Pytester) -> None:
    project.makepyfile(test_none="")
    result = project.runpytest_subprocess("--fixtures")
    result.stdout.fnmatch_lines(
        ["*fixtures defined from clarion.testing.plugin*", "clarion_application*", "clarion_test*"]
    )


def test_a_project_that_does_not_use_it_pays_nothing(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_what_is_loaded():
            assert "clarion.testing.plugin" in sys.modules
            assert not {"clarion.app", "clarion.testing.testing", "sqlalchemy", "alembic"} & set(sys.modules)
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_application_can_be_used_without_a_fixture_of_its_own(project: pytest.Pytester) -> None:
    project.makepyfile(
        shop=APPLICATION,
        test_shop="""
        import pytest
        import shop
        from clarion.errors import ConfigError

        def test_use(clarion_test):
            with pytest.raises(ConfigError, match="which application"):
                clarion_test.drain()
            clarion_test.use(shop.clarion)
            clarion_test.drain()
            clarion_test.assert_silent()
        """,
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_what_the_document_shows(project: pytest.Pytester) -> None:
    """Every block is a file of its own, named in its first line; the first test comes before the conftest."""
    written = {}
    for block in blocks("docs/testing.md"):
        named = re.match(r"# (\w+)\.py\n", block)
        assert named is not None, f"which file is this? {block[:80]}"
        written[named[1]] = block
    project.makepyfile(shop=written.pop("shop"), test_shipping=written.pop("test_shipping"))
    project.runpytest_subprocess().assert_outcomes(passed=1)
    project.path.joinpath("test_shipping.py").unlink()
    project.makepyfile(**written)
    tests = sum(len(re.findall(r"^def test_", block, re.MULTILINE)) for block in written.values())
    assert tests >= 7
    project.runpytest_subprocess().assert_outcomes(passed=tests)


def test_the_failure_in_the_document_is_the_one_that_is_shown(project: pytest.Pytester) -> None:
    (shown,) = blocks("docs/testing.md", "text")
    for block in blocks("docs/testing.md"):
        if named := re.match(r"# (shop|conftest|test_why)\.py\n", block):
            project.makepyfile(
                **{named[1]: f"{block}\n    print(said)\n" if named[1] == "test_why" else block}
            )
    result = project.runpytest_subprocess("-s")
    result.assert_outcomes(passed=1)

    def without_id(text: str) -> str:
        return re.sub(r"event [0-9a-f-]{36}", "event …", text)

    assert without_id(shown).strip() in without_id(result.stdout.str())
