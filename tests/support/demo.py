"""`clarion demo` as it serves, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.command import PATIENCE, start


@dataclass(frozen=True, slots=True)
class Demo:
    """`where`: what it says first. `folder`: that of its files."""

    process: subprocess.Popen[str]
    where: dict[str, str]
    http: httpx2.Client
    folder: Path

    def get(self, path: str, **more: Any) -> Any:
        answer = self.http.get(path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, who: str, deed: str, **said: str) -> str | None:
        answer = self.http.post(f"/as/{who}/{deed}", json=said)
        assert answer.status_code == 201, answer.text
        event: str | None = answer.json()["event"]
        return event

    def as_(self, who: str) -> dict[str, str]:
        """How the page of this person asks Clarion."""
        return {"Authorization": f"Bearer {self.http.post(f'/as/{who}/token').json()['token']}"}


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Demo]:
    folder.mkdir(exist_ok=True)
    with (folder / "said").open("w") as said:
        process = start("demo", "--json", "--no-browser", "--dir", str(folder), *arguments, err=said)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "said").read_text()
        where = json.loads(line)
        with httpx2.Client(base_url=where["url"], trust_env=False, timeout=PATIENCE) as http:
            yield Demo(process, where, http, folder)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
