"""What the document about reliability names, exists."""

from __future__ import annotations

import re

from tests.docs.code import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_fault_is_shown_by_tests_that_exist() -> None:
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    faults = re.findall(r"^\| (F\d+) \|.*$", text, re.MULTILINE)
    assert len(faults) == len(set(faults)) > 10
    for row in re.findall(r"^\| F\d+ \|.*$", text, re.MULTILINE):
        named = NAMED.findall(row)
        assert named, row
        for path, name in named:
            assert (ROOT / path).exists(), path
            assert not name or re.search(rf"def {name}\(", (ROOT / path).read_text(encoding="utf-8")), name
