"""Secrets: what is shown instead of one, and the file that holds it."""

from __future__ import annotations

import re
from pathlib import Path

_url = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_password = re.compile(r"(://[^:@/?#]*):.*@", re.DOTALL)
_parameter = re.compile(r"([?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=)[^&#]*", re.IGNORECASE)


def masked(secret: str) -> str:
    """A URL with `***` for its password, wherever that stands in it; of anything else nothing."""
    if not _url.match(secret):
        return "***"
    return _parameter.sub(r"\1***", _password.sub(r"\1:***@", secret))


def held_in(path: Path) -> str:
    """The content of the file, without what is white around it; raises `ValueError`."""
    try:
        content = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"the file {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {str(path)!r} is not UTF-8") from None
    if not content:
        raise ValueError(f"the file {str(path)!r} is empty")
    return content
