from __future__ import annotations

import pytest

from clarion.settings.secrets import masked


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
        ("SMTPS://olga:hunter2@mail.test", "SMTPS://olga:***@mail.test"),
        ("hunter2", "***"),
        ("", "***"),
    ],
)
def test_what_is_shown(secret: str, shown: str) -> None:
    assert masked(secret) == shown
