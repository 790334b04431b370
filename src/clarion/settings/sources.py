"""Where settings are said: a file of TOML, the environment, the command line. Each gives what is said there, by key.

What is wrong there as such (an unknown name, one thing said twice) is added to `problems`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clarion.errors import UnknownName
from clarion.settings.declared import BY_KEY, BY_VARIABLE
from clarion.settings.setting import PREFIX, Layer, Origin, Setting

CONFIG = "CLARION_CONFIG"
HELD, HELD_VARIABLE = "_file", "_FILE"
_TABLES = {key.rpartition(".")[0] for key in BY_KEY} | {key.partition(".")[0] for key in BY_KEY if "." in key}
_KEYS = [*BY_KEY, *(key + HELD for key, setting in BY_KEY.items() if setting.secret)]
_VARIABLES = [
    CONFIG,
    *BY_VARIABLE,
    *(name + HELD_VARIABLE for name, setting in BY_VARIABLE.items() if setting.secret),
]
# Variables of the tests; of `clarion desktop`, which has no settings; and those that Kubernetes sets for a service called
# clarion, or clarion-something.
_OTHERS = re.compile(
    r"CLARION_TEST_.*|CLARION_(URL|KEY|KEY_FILE)|CLARION_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)"
)
_KUBERNETES = re.compile(r"(tcp|udp|sctp)://.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of a setting, as it was said. `held`: `value` is the path of a file with the secret.

    `folder`: relative paths count from there.
    """

    setting: Setting
    value: Any
    origin: Origin
    folder: Path
    as_text: bool
    held: bool = False


def of_file(path: Path | None, folder: Path, problems: list[str]) -> dict[str, Said]:
    """`path` as it was named; relative to `folder`."""
    if path is None:
        return {}
    try:
        content = tomllib.loads((folder / path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        problems.append(f"{path}: the file of settings cannot be read: {error.strerror}")
        return {}
    except ValueError as error:  # not UTF-8, not TOML
        problems.append(f"{path}: it is no TOML: {error}")
        return {}
    found: dict[str, Said] = {}
    for key, value in _flat(content, "", str(path), problems):
        setting, held = _find(key, BY_KEY, HELD)
        if setting is None:
            table = isinstance(value, dict)
            unknown = _unknown("table", key, _TABLES) if table else _unknown("setting", key, _KEYS)
            problems.append(f"{path}: {unknown}")
            continue
        origin = Origin(layer=Layer.FILE, name=str(path))
        said = Said(
            setting=setting,
            value=value,
            origin=origin,
            folder=(folder / path).parent,
            as_text=False,
            held=held,
        )
        _once(found, said, f"{path}: {setting.key} and {setting.key}{HELD}", problems)
    return found


def of_environment(environment: Mapping[str, str], folder: Path, problems: list[str]) -> dict[str, Said]:
    """A variable that is empty says nothing."""
    found: dict[str, Said] = {}
    variables: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or not value or name == CONFIG or _of_others(name, value):
            continue
        setting, held = _find(name, BY_VARIABLE, HELD_VARIABLE)
        if setting is None:
            problems.append(f"the environment: {_unknown('variable', name, _VARIABLES)}")
            continue
        origin = Origin(layer=Layer.ENVIRONMENT, name=name)
        said = Said(setting=setting, value=value, origin=origin, folder=folder, as_text=True, held=held)
        _once(found, said, f"the environment: {variables.setdefault(setting.key, name)} and {name}", problems)
    return found


def of_flags(flags: Mapping[str, str | bool | None], folder: Path) -> dict[str, Said]:
    """By key; what is `None` was not given."""
    return {
        key: Said(
            setting=BY_KEY[key],
            value=value,
            origin=Origin(layer=Layer.FLAG, name=BY_KEY[key].flag or ""),
            folder=folder,
            as_text=isinstance(value, str),
        )
        for key, value in flags.items()
        if value is not None
    }


def _once(found: dict[str, Said], said: Said, both: str, problems: list[str]) -> None:
    if said.setting.key in found:
        problems.append(f"{both} say the same; leave one out")
    found[said.setting.key] = said


def _flat(
    table: Mapping[str, Any], prefix: str, path: str, problems: list[str]
) -> Iterator[tuple[str, object]]:
    """Keys with those of their tables before them. What is no table where one belongs is a problem."""
    for name, value in table.items():
        key = prefix + name
        if key not in _TABLES:
            yield key, value
        elif isinstance(value, dict):
            yield from _flat(value, f"{key}.", path, problems)
        else:
            problems.append(f"{path}: {key} is a table; write [{key}] before its settings")


def _find(name: str, known: Mapping[str, Setting], held: str) -> tuple[Setting | None, bool]:
    """The setting, and whether what is said is the file that holds it."""
    if (setting := known.get(name)) is not None:
        return setting, False
    setting = known.get(name.removesuffix(held)) if name.endswith(held) else None
    return (setting, True) if setting is not None and setting.secret else (None, False)


def _of_others(name: str, value: str) -> bool:
    """A variable that is none of ours, though it begins like one."""
    return bool(_OTHERS.fullmatch(name)) or (name.endswith("_PORT") and bool(_KUBERNETES.fullmatch(value)))


def _unknown(kind: str, name: str, known: Collection[str]) -> UnknownName:
    """The nearest is one of the same name in another table, or for which no file may be named; else what resembles it."""
    alone = name.rpartition(".")[2].removeprefix(PREFIX)
    value = name.removesuffix(HELD).removesuffix(HELD_VARIABLE)
    same = [one for one in known if one.endswith((f".{alone}", f"_{alone}")) or one == value]
    return UnknownName(kind, name, same or known)
