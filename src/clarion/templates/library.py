"""The application's own templates: a folder for each event type, checked when they are loaded."""

from __future__ import annotations

import itertools
import re
import traceback
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clarion.errors import ConfigError, InvalidInput, UnknownName
from clarion.templates import plain, words

BUILT_IN = Path(__file__).with_name("default")
BUILT_IN_FOLDER = "clarion"
DEFAULT_FOLDER = "_default"
WORDS_FOLDER = "locale"
ANY_CHANNEL = "any"
KEPT = 256  # texts, compiled, beyond those of the libraries that are in use
PARTS = ("subject", "text", "html", "plain")

_file_name = re.compile(
    r"(?P<channel>[a-z0-9][a-z0-9_-]*)(\.(?P<locale>[A-Za-z0-9_-]+))?\.(?P<part>subject|text|html|plain)\.j2"
)


@dataclass(frozen=True, slots=True)
class Template:
    """One part of what is written; `personal` when it, or what it is built from, reads `recipient`."""

    name: str
    compiled: jinja2.Template
    personal: bool


@dataclass(frozen=True, slots=True)
class Source:
    """The file that writes a part, or that would; `text` is empty where there is none yet."""

    name: str
    text: str
    exists: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What a file is for, as its path says."""

    folder: str
    channel: str
    locale: str | None
    part: str


class Library:
    """All templates, compiled. `directory` holds `<event type>/<channel>[.<locale>].<part>.j2`.

    `edited`: texts that stand for such files, by name.
    """

    def __init__(self, directory: Path | None = None, edited: Mapping[str, str] | None = None) -> None:
        if directory is not None and not directory.is_dir():
            raise ConfigError(f"the template directory {str(directory)!r} does not exist")
        self._loader = _loader(directory, edited or {})
        self._environment = _environment(self._loader)
        self._templates = dict(self._load(BUILT_IN_FOLDER, BUILT_IN))
        for folder in sorted(directory.iterdir()) if directory else ():
            if not folder.is_dir() or folder.name.startswith(".") or folder.name == WORDS_FOLDER:
                continue
            if folder.name == BUILT_IN_FOLDER:
                raise ConfigError(f"{folder}: the name is taken by the built-in templates; rename the folder")
            if folder.name.startswith("_") and folder.name != DEFAULT_FOLDER:
                self._load_shared(folder)
            else:
                self._templates.update(self._load(folder.name, folder))
        for name in edited or ():
            folder_, _, file = name.partition("/")
            self._templates.update([self._of_file(folder_, file)])

    def find(self, type: str, channel: str, locales: Sequence[str], part: str) -> Template | None:
        """The closest template: of the type before the default, of the channel before `any`, by locale."""
        folders = (type, DEFAULT_FOLDER, BUILT_IN_FOLDER)
        for folder, medium, locale in itertools.product(folders, (channel, ANY_CHANNEL), (*locales, None)):
            if found := self._templates.get(Place(folder, medium, locale, part)):
                return found
        return None

    def check(self, types: Collection[str], channels: Collection[str] | None = None) -> list[str]:
        """A sentence for each folder and file that can never be used, with the nearest known name."""
        problems: dict[str, None] = {}
        for place, template in self._templates.items():
            if place.folder not in {BUILT_IN_FOLDER, DEFAULT_FOLDER, *types}:
                problems[f"templates for {UnknownName('event type', place.folder, types)}"] = None
            elif (
                place.folder != BUILT_IN_FOLDER
                and channels is not None
                and place.channel not in {ANY_CHANNEL, *channels}
            ):
                unknown = UnknownName("channel", place.channel, [ANY_CHANNEL, *channels])
                problems[f"template {template.name} is for {unknown}"] = None
        return list(problems)

    def source(self, type: str, channel: str, part: str, found: Template | None) -> Source:
        """The text of a template; where a part has none, what its file would be called."""
        if found is None:
            return Source(f"{type}/{channel}.{part}.j2", "", exists=False)
        text, _, _ = self._loader.get_source(self._environment, found.name)
        return Source(found.name, text, exists=True)

    def reads(self, type: str) -> list[str]:
        """The names in `data` that templates of this type ask for, or those for all types; by name."""
        folders = (type, DEFAULT_FOLDER)
        names = [t.name for place, t in self._templates.items() if place.folder in folders]
        return sorted({field for name in names for field in self._fields(name)})

    def _fields(self, name: str) -> Iterator[str]:
        tree = self._environment.parse(self._loader.get_source(self._environment, name)[0], name)
        for asked in tree.find_all((nodes.Getattr, nodes.Getitem)):
            match asked:
                case nodes.Getattr(node=nodes.Name(name="data"), attr=field):
                    yield field
                case nodes.Getitem(node=nodes.Name(name="data"), arg=nodes.Const(value=str(field))):
                    yield field

    def _load(self, name: str, folder: Path) -> Iterator[tuple[Place, Template]]:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith("."):
                yield self._of_file(name, path.name, path)

    def _of_file(self, folder: str, file: str, path: Path | None = None) -> tuple[Place, Template]:
        """What this file of a folder is for, and what it says; `path`: to name it by, where something is wrong."""
        found, called = _file_name.fullmatch(file), path or f"{folder}/{file}"
        if found is None:
            raise ConfigError(
                f"{called}: name templates <channel>.<part>.j2 or <channel>.<locale>.<part>.j2, <part> one of {', '.join(PARTS)}"
            )
        tag = None
        if found["locale"] is not None:
            locale = words.parse(found["locale"])
            if locale is None:
                raise ConfigError(f"{called}: {found['locale']!r} is no locale; name it like de or pt_BR")
            tag = words.tag(locale)
        return Place(folder, found["channel"], tag, found["part"]), self._compile(f"{folder}/{file}")

    def _load_shared(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*.j2")):
            self._compile(path.relative_to(folder.parent).as_posix())

    def _compile(self, name: str) -> Template:
        try:
            compiled = self._environment.get_template(name)
            personal = "recipient" in set().union(*self._names(name, set()))
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(f"{error.filename or name}, line {error.lineno}: {error.message}") from error
        except jinja2.TemplateNotFound as error:
            raise ConfigError(
                f"template {name} is built from {error.name!r}, which does not exist"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"template {name} is not UTF-8: {error}") from error
        return Template(name, compiled, personal)

    def _names(self, name: str, seen: set[str]) -> Iterator[set[str]]:
        """The variables that a template reads, then those of each template that it is built from."""
        seen.add(name)
        source, file, _ = self._loader.get_source(self._environment, name)
        read, parts = _asked(source, name, file)
        yield read
        for part in parts:
            if part is None:
                raise ConfigError(f"template {name}: name what it extends or includes by plain text")
            if _escapes(part) != _escapes(name):
                raise ConfigError(
                    f"template {name} is built from {part!r}: only *.html.j2 is escaped, so HTML and plain text cannot be mixed"
                )
            if part not in seen:
                yield from self._names(part, seen)


def write(template: Template, type: str, values: Mapping[str, Any]) -> str:
    """The template's words; raises `InvalidInput` naming template, line and event type."""
    try:
        return _rendered(template.compiled, values)
    except Exception as error:  # a template may raise anything, and whoever mends it needs to know where
        raise InvalidInput(
            f"template {template.name}{_where(template, error)} cannot be written for event type {type!r}: {plain.one_line(str(error)) or error.__class__.__name__}"
        ) from error


def _rendered(compiled: jinja2.Template, values: Mapping[str, Any]) -> str:
    """As its own `render`, which takes longer to copy what all templates share than most templates to be written."""
    environment = compiled.environment
    context = compiled.new_context({**environment.globals, **values}, shared=True)
    try:
        return environment.concat(compiled.root_render_func(context))
    except Exception:  # noqa: BLE001 - raised again, with the template's own lines
        environment.handle_exception()


def _where(template: Template, error: Exception) -> str:
    """The line that failed, and the template that it stands in if that is another one."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.endswith(".j2"):
            other = "/".join(Path(frame.filename).parts[-2:])
            return f", line {frame.lineno}" + (f" of {other}" if other != template.name else "")
    return ""


@lru_cache(maxsize=KEPT)
def _asked(source: str, name: str, file: str | None) -> tuple[set[str], list[str | None]]:
    """The variables that a text reads, and the templates that it names; `None` for a name that is made as it is written."""
    tree = _environment(jinja2.DictLoader({})).parse(source, name, file)
    return meta.find_undeclared_variables(tree), list(meta.find_referenced_templates(tree))


def _escapes(name: str | None) -> bool:
    return name is not None and name.endswith(".html.j2")


def _loader(directory: Path | None, edited: Mapping[str, str]) -> jinja2.BaseLoader:
    loaders: list[jinja2.BaseLoader] = [
        jinja2.DictLoader(edited),
        jinja2.PrefixLoader({BUILT_IN_FOLDER: jinja2.FileSystemLoader(BUILT_IN)}),
    ]
    if directory is not None:
        loaders.append(jinja2.FileSystemLoader(directory))
    return jinja2.ChoiceLoader(loaders)


class _Environment(ImmutableSandboxedEnvironment):
    def call(self, context: Context, called: Any, /, *args: Any, **values: Any) -> Any:
        """Words are our own: they need not be asked whether they are safe, nor what they want of the context."""
        if type(called) is words.Words:
            return called(*args, **values)
        return super().call(context, called, *args, **values)


class _Compiled(jinja2.BytecodeCache):
    """What templates are compiled to, by name and text, for the next library of this process: most begin with the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], CodeType] = OrderedDict()

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None  # noqa: S101 - it was just compiled
        self._kept[bucket.key, bucket.checksum] = bucket.code
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


_compiled = _Compiled()


def _environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    environment = _Environment(
        loader=loader,
        autoescape=_escapes,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=_compiled,
    )
    environment.filters.update(
        cut=plain.cut, one_line=plain.one_line, paragraphs=plain.paragraphs, wrap=plain.wrap
    )
    return environment
