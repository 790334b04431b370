from __future__ import annotations

import pytest

from clarion.errors import ConfigError
from clarion.secret import check_length, masked


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("sqlite:///app.db", "sqlite:///app.db"),
        ("postgresql://db:5432/shop", "postgresql://db:5432/shop"),
        ("postgresql://olga@db:5432/shop", "postgresql://olga@db:5432/shop"),
        ("postgresql://olga:hunter2@db:5432/shop", "postgresql://olga:***@db:5432/shop"),
        ("postgresql://:hunter2@db/shop", "postgresql://:***@db/shop"),
        ("postgresql://olga:hun@ter/2@db/shop", "postgresql://olga:***@db/shop"),
        (
            "postgresql:///shop?password=hunter2&host=/tmp",
            "postgresql:///shop?password=***&host=/tmp",
        ),
        (
            "postgresql://olga@db/shop?sslmode=require&sslpassword=hunter2&options=-c%20x%3Dhunter2&application_name=a",
            "postgresql://olga@db/shop?sslmode=require&sslpassword=***&options=***&application_name=a",
        ),
        ("postgresql:///shop?p%61ssword=hunter2", "postgresql:///shop?p%61ssword=***"),
        ("SMTPS://olga:hunter2@mail.test", "SMTPS://olga:***@mail.test"),
        ("hunter2", "***"),
        ("", "***"),
    ],
)
def test_what_is_shown(secret: str, shown: str) -> None:
    assert masked(secret) == shown


def test_one_that_is_too_short_is_refused_without_being_shown() -> None:
    check_length("it", "ä" * 16)
    with pytest.raises(ConfigError, match=r"it has 7 bytes, at least 32 are needed") as caught:
        check_length("it", "hunter2")
    assert "hunter2" not in str(caught.value)
