"""An application's folder: event types in TOML, and a module that makes a Clarion of them."""

from __future__ import annotations

from pathlib import Path

import pytest

TYPES = """
[types."cl.merged"]
category = "reviews"
channels = ["inbox", "email"]
"""
SHOP = """
import os
from clarion import Clarion, Email

def make():
    return Clarion(os.environ["SHOP_DATABASE"], types="types.toml", channels=[Email("smtp://127.0.0.1:9", sender="A <a@acme.test>")])

not_a_clarion = 3
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "types.toml").write_text(TYPES)
    (folder / "shop.py").write_text(SHOP)
    return folder
