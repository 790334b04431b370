"""The file that holds a secret."""

from __future__ import annotations

from pathlib import Path


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
