"""What a setting is, and one that is in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from clarion.errors import ConfigError
from clarion.secret import masked
from clarion.settings.kinds import Kind

PREFIX = "CLARION_"


class WrongSettings(ConfigError):
    """Everything that is wrong with the settings: a sentence for each of `problems`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry. `key`: its table and its name there, `mail.smtp`.

    `example`: instead of a default. `flag`: its option on the command line. `also`: another variable for it.
    `secret`: never shown, and a file may hold it. `with_app`: not among what an application made in code brings.
    `check`: raises `ClarionError` or `ValueError` for a value that cannot work.
    """

    key: str
    kind: Kind
    says: str
    _: KW_ONLY
    default: Any = None
    example: Any = None
    flag: str | None = None
    also: str | None = None
    secret: bool = False
    with_app: bool = False
    check: Callable[[Any], object] | None = None

    @property
    def table(self) -> str:
        """The empty text for what stands above all tables."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]

    @property
    def variables(self) -> tuple[str, ...]:
        own = PREFIX + self.key.replace(".", "_").upper()
        return (own,) if self.also is None else (own, self.also)


class Layer(StrEnum):
    """Where a value can come from; what comes later counts before what comes earlier."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value came from. `name`: of the file, the variable or the flag. `held_in`: the file of a secret."""

    layer: Layer
    name: str = ""
    held_in: Path | None = None

    def __str__(self) -> str:
        return (self.name or self.layer) + (f", held in {self.held_in}" if self.held_in else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A setting with its value. `aside`: said, but without effect, as the application brings its own."""

    setting: Setting
    value: Any
    origin: Origin
    aside: bool = False

    @property
    def said(self) -> bool:
        return self.origin.layer is not Layer.DEFAULT

    @property
    def shown(self) -> str | None:
        """As TOML has it, with secrets masked."""
        if self.value is None:
            return None
        return self.setting.kind.write(masked(self.value) if self.setting.secret else self.value)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them, by key. `file`: the `clarion.toml` that was read, if there was one."""

    file: str | None
    by_key: Mapping[str, InForce]

    def __iter__(self) -> Iterator[InForce]:
        return iter(self.by_key.values())

    def __getitem__(self, key: str) -> Any:
        """Its value; `None` for what is set aside."""
        found = self.by_key[key]
        return None if found.aside else found.value

    def given(self, table: str) -> dict[str, Any]:
        """What was said in this table, by name, as arguments for what is made of it; defaults are left to that."""
        return {
            one.setting.name: one.value
            for one in self
            if one.setting.table == table and one.said and not one.aside
        }
