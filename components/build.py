"""Makes what Clarion serves (src/clarion/web/static) out of these modules: `python components/build.py`.

Needs Node for the pinned esbuild. Nobody else does: the result is committed, and carries a hash of what it was made of,
by which tests/browser/test_size.py finds out when somebody forgot this.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

ESBUILD = "esbuild@0.28.2"
SOURCES = Path(__file__).parent
STATIC = SOURCES.parent / "src" / "clarion" / "web" / "static"
ENTRIES = ("clarion", "inbox", "preferences", "arrivals", "deeds", "finding", "opt-in")
AS_IT_IS = ("clarion.d.ts", "custom-elements.json")


def fingerprint() -> str:
    """Of every source, by name and content."""
    found = hashlib.sha256()
    files = sorted(path for path in SOURCES.rglob("*") if path.suffix in {".js", ".css"})
    for path in files:
        found.update(f"{path.relative_to(SOURCES).as_posix()}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def build(target: Path = STATIC) -> None:
    locales = sorted(f"locale/{path.stem}" for path in (SOURCES / "locale").glob("*.js"))
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        esbuild = _found()
        for path in SOURCES.rglob("*.js"):
            (place / path.relative_to(SOURCES)).parent.mkdir(exist_ok=True)
            shutil.copy(path, place / path.relative_to(SOURCES))
        _run(place, esbuild, *map(str, SOURCES.glob("*.css")), "--minify", f"--outdir={place}")
        for name in (*ENTRIES, *locales):
            _run(
                place,
                esbuild,
                f"{name}.js",
                f"--outfile={target / f'{name}.js'}",
                "--bundle",
                "--minify",
                "--format=esm",
                "--charset=utf8",
                "--target=es2022",
                "--loader:.css=text",
                *(f"--external:./{later}.js" for later in (*ENTRIES[1:], *locales)),
                f"--banner:js=// Made of components/ {fingerprint()}",
            )
    for name in AS_IT_IS:
        shutil.copy(SOURCES / name, target / name)


def _found() -> str:
    """The pinned esbuild, which npm fetches the first time."""
    command = ["npx", "--yes", "--package", ESBUILD, "which", "esbuild"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _run(place: Path, *command: str) -> None:
    subprocess.run([*command, "--log-level=warning"], cwd=place, check=True)  # noqa: S603  # our own arguments


if __name__ == "__main__":
    build()
