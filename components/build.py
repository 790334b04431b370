"""Makes what Clarion serves (src/clarion/web/static) out of these modules: `python components/build.py`.

Needs Node for the pinned esbuild and terser, which finds some bytes more. Nobody else does: the result is committed, and carries a hash of what it was made of,
by which tests/browser/test_size.py finds out when somebody forgot this.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

ESBUILD = "esbuild@0.28.2"
TERSER = "terser@5.51.2"
SOURCES = Path(__file__).parent
STATIC = SOURCES.parent / "src" / "clarion" / "web" / "static"
ENTRIES = ("clarion", "inbox", "preferences", "arrivals", "deeds", "finding", "hands", "opt-in", "pictures")
# Names of our own that neither browsers, the service, nor a table of words knows: shortened alike in all parts.
OURS = (
    "acted|actions|admit|again|announce|banner|behind|belongs|condition|delta|element|facts|filled|"
    "finding|floor|focused|focusFirst|frame|held|idsOf|insist|intl|leads|letters|merge|missed|onidentity|"
    "opened|pill|pointed|problem|query|renew|rows|scroller|session|shown|speak|speaks|total|voice|warn|"
    "wear|words"
)
# What terser may do besides: the components use no arguments object, no constructor of a method, no getter with effects.
TERSER_MAY = {
    "module": True,
    "ecma": 2022,
    "compress": {"passes": 3, "ecma": 2022, "unsafe": True, "unsafe_methods": True, "pure_getters": True},
    "mangle": {"toplevel": True},
}
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
        esbuild, terser = _found("esbuild"), _found("terser")
        for path in SOURCES.rglob("*.js"):
            (place / path.relative_to(SOURCES)).parent.mkdir(exist_ok=True)
            shutil.copy(path, place / path.relative_to(SOURCES))
        (place / "terser.json").write_text(json.dumps(TERSER_MAY))
        (place / "names.json").write_text("{}")
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
                f"--mangle-props=^({OURS})$",
                "--mangle-cache=names.json",
            )
            self_made = str(target / f"{name}.js")
            _run(place, terser, self_made, "--config-file", "terser.json", "--output", self_made)
            (target / f"{name}.js").write_text(
                f"// Made of components/ {fingerprint()}\n" + (target / f"{name}.js").read_text()
            )
    for name in AS_IT_IS:
        shutil.copy(SOURCES / name, target / name)


def _found(tool: str) -> str:
    """One of the pinned tools, which npm fetches the first time."""
    command = ["npx", "--yes", "--package", ESBUILD, "--package", TERSER, "which", tool]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603


def _run(place: Path, *command: str) -> None:
    quiet = ["--log-level=warning"] if command[0].endswith("esbuild") else []
    subprocess.run([*command, *quiet], cwd=place, check=True)  # noqa: S603  # our own arguments


if __name__ == "__main__":
    build()
