from __future__ import annotations

import pytest

from clarion.errors import UnknownName
from clarion.severity import ALIASES, Severity


def test_the_scale() -> None:
    assert [severity.label for severity in sorted(Severity)] == ["info", "warning", "action", "urgent"]
    assert Severity.INFO < Severity.WARNING < Severity.ACTION < Severity.URGENT


def test_numbers_are_stored_and_must_never_change() -> None:
    assert {severity.label: int(severity) for severity in Severity} == {
        "info": 0,
        "warning": 1,
        "action": 2,
        "urgent": 3,
    }


@pytest.mark.parametrize("severity", Severity)
def test_a_severity_is_known_by_its_label_in_any_case(severity: Severity) -> None:
    assert Severity.of(severity) is severity
    assert Severity.of(severity.label) is severity
    assert Severity.of(severity.label.upper()) is severity


@pytest.mark.parametrize(("alias", "label"), ALIASES.items())
def test_other_scales_are_aliases(alias: str, label: str) -> None:
    assert Severity.of(alias).label == label
    assert alias not in {severity.label for severity in Severity}


@pytest.mark.parametrize(
    ("name", "nearest"), [("wraning", "warning"), ("urgnet", "urgent"), ("Critcal", "critical")]
)
def test_a_misspelt_name_is_told_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match=f"unknown severity '{name}'; did you mean '{nearest}'"):
        Severity.of(name)


@pytest.mark.parametrize("value", ["", "3", 3, None, True, "__class__", "of", "label", "İnfo"])
def test_nothing_else_is_a_severity(value: object) -> None:
    with pytest.raises(UnknownName):
        Severity.of(value)  # type: ignore[arg-type]  # what a caller without types may pass
