"""What an application needs to test that it tells the right people: `Testing`, and a plugin for pytest.

The public names. Each is loaded when it is first used, since pytest loads the plugin in every project.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clarion.testing.recorder import Recorder
    from clarion.testing.testing import StillDue, Testing
    from clarion.testing.told import Told

_MODULE_OF = {"Recorder": "recorder", "StillDue": "testing", "Testing": "testing", "Told": "told"}

__all__ = ["Recorder", "StillDue", "Testing", "Told"]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'clarion.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"clarion.testing.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
