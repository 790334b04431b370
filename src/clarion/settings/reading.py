"""Reading settings: flags count before the environment, that before the file, and that before the default.

Everything that is wrong is found in one go. What is overridden is not looked at, so that a secret's file need only be
where its setting counts.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clarion.errors import ClarionError, shown
from clarion.settings import agreement, secrets, sources
from clarion.settings.declared import SETTINGS
from clarion.settings.setting import InForce, Layer, Origin, Setting, Settings, WrongSettings
from clarion.settings.sources import CONFIG, Said

FILE = "clarion.toml"


def read(
    flags: Mapping[str, str | bool | None] | None = None,
    *,
    config: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
    only: Collection[str] | None = None,
) -> Settings:
    """The settings in force. `flags`: by key. `config`: instead of `clarion.toml` in `folder`, the working directory.

    `only`: the keys of those that are needed; what is said of others is not looked at, though all must be known.
    Raises `WrongSettings`.
    """
    problems: list[str] = []
    here = Path() if folder is None else folder
    path = _file(config or environment.get(CONFIG), here)
    layers = (
        sources.of_flags(flags or {}, here),
        sources.of_environment(environment, here, problems),
        sources.of_file(path, here, problems),
    )
    said = {
        key: one for layer in reversed(layers) for key, one in layer.items() if only is None or key in only
    }
    aside = _set_aside(layers, problems)
    found = {
        setting.key: _in_force(setting, said.get(setting.key), aside=setting.key in aside, problems=problems)
        for setting in SETTINGS
    }
    settings = Settings(None if path is None else str(path), found)
    problems += agreement.contradictions(settings)
    if problems:
        raise WrongSettings(problems)
    return settings


def _file(named: str | None, folder: Path) -> Path | None:
    if named:
        return Path(named)
    # In a folder that may not be looked into (`sudo -u clarion` in /root), `Path.exists` would raise.
    return Path(FILE) if os.path.exists(folder / FILE) else None


def _set_aside(layers: Sequence[Mapping[str, Said]], problems: list[str]) -> Collection[str]:
    """What has no effect: an application brings its own of most, unless a higher layer says another database."""
    own = {setting.key for setting in SETTINGS if not setting.with_app}
    flags = layers[0]
    if "app" in flags and (both := own & set(flags)):
        flag = min(str(flags[key].origin) for key in both)
        problems.append(f"--app brings its own database, types and channels; leave out {flag}")
    if "app" not in flags and own & set(flags):
        return {"app"}
    for layer in layers:
        if "app" in layer:
            return own
        if "database" in layer:
            break
    return {"app"}


def _in_force(setting: Setting, said: Said | None, *, aside: bool, problems: list[str]) -> InForce:
    if said is None:
        return InForce(setting=setting, value=setting.default, origin=Origin(layer=Layer.DEFAULT))
    if aside:
        return InForce(setting=setting, value=None, origin=said.origin, aside=True)
    origin = said.origin
    try:
        if said.held:
            origin = replace(origin, held_in=said.folder / _held_in(said.value))
        value = _checked(said, said.value if origin.held_in is None else secrets.held_in(origin.held_in))
    except (ClarionError, ValueError, OSError) as error:
        problems.append(f"{_where(said)}: {error}")
        value = setting.default
    return InForce(setting=setting, value=value, origin=origin)


def _held_in(value: Any) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be the path of a file, in quotes")
    return Path(value)


def _checked(said: Said, value: Any) -> Any:
    """What `value` means; raises `ClarionError` or `ValueError`."""
    setting = said.setting
    if said.as_text or said.held:
        value = setting.kind.parse(value)
    value = setting.kind.place(setting.kind.read(value), said.folder)
    if setting.check is not None:
        setting.check(value)
    return value


def _where(said: Said) -> str:
    """Where what was said; of a secret not what."""
    setting, origin = said.setting, said.origin
    secret = setting.secret and not said.held
    if origin.layer is Layer.FLAG:
        return origin.name if secret else f"{origin.name} {shown(said.value)}"
    name = origin.name
    if origin.layer is Layer.FILE:
        name += f": {setting.key}{sources.HELD if said.held else ''}"
    return name if secret else f"{name} = {shown(said.value)}"
