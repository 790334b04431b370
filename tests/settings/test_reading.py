"""Which value counts, where it came from, and everything that is wrong in one go."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from clarion.settings.reading import read
from clarion.settings.setting import Settings, WrongSettings

HERE: Mapping[str, str] = {}


def write(folder: Path, text: str, name: str = "clarion.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def problems(
    folder: Path,
    environment: Mapping[str, str] = HERE,
    flags: Mapping[str, str | bool | None] | None = None,
    config: str | None = None,
) -> list[str]:
    with pytest.raises(WrongSettings) as caught:
        read(flags, config=config, environment=environment, folder=folder)
    return caught.value.problems


def origin(settings: Settings, key: str) -> str:
    return str(settings.by_key[key].origin)


def test_nothing_said_is_all_defaults(tmp_path: Path) -> None:
    settings = read(environment={}, folder=tmp_path)
    assert settings.file is None
    assert not [one for one in settings if one.said]
    assert settings["retention"] == timedelta(days=30)
    assert settings["database"] is None
    assert {table: settings.given(table) for table in ("", "mail", "worker", "caps.email")} == {
        "": {},
        "mail": {},
        "worker": {},
        "caps.email": {},
    }


def test_a_flag_before_the_environment_before_the_file_before_the_default(tmp_path: Path) -> None:
    write(
        tmp_path,
        'log = "json"\nmetrics = "127.0.0.1:1"\n[mail]\nsmtp = "smtp://of-file"\nsender = "a@acme.test"',
    )
    environment = {"CLARION_METRICS": "127.0.0.1:2", "CLARION_SMTP": "smtp://of-environment"}
    settings = read({"mail.smtp": "smtp://of-flag"}, environment=environment, folder=tmp_path)
    found = {key: (settings[key], origin(settings, key)) for key in ("log", "metrics", "mail.smtp", "name")}
    assert found == {
        "log": ("json", "clarion.toml"),
        "metrics": ("127.0.0.1:2", "CLARION_METRICS"),
        "mail.smtp": ("smtp://of-flag", "--smtp"),
        "name": ("Clarion", "default"),
    }


def test_values_from_text_and_from_toml_are_the_same(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        retention = "90d"
        verbose = true
        [worker]
        batch = 7
        poll = "250ms"
        grace = "0s"
        [mail]
        smtp = "smtp://localhost"
        sender = "Jürgen <j@acme.test>"
        [caps.email]
        per_second = 2.5
        [caps.email.lane]
        at_once = 3
        """,
    )
    environment = {
        "CLARION_RETENTION": "90d",
        "CLARION_VERBOSE": "1",
        "CLARION_WORKER_BATCH": "7",
        "CLARION_WORKER_POLL": "250ms",
        "CLARION_WORKER_GRACE": "0s",
        "CLARION_MAIL_SMTP": "smtp://localhost",
        "CLARION_MAIL_SENDER": "Jürgen <j@acme.test>",
        "CLARION_CAPS_EMAIL_PER_SECOND": "2.5",
        "CLARION_CAPS_EMAIL_LANE_AT_ONCE": "3",
    }
    of_file = read(environment={}, folder=tmp_path)
    of_environment = read(environment=environment, folder=tmp_path / "elsewhere")
    assert {one.setting.key: one.value for one in of_file} == {
        one.setting.key: one.value for one in of_environment
    }
    assert of_file.given("worker") == {"batch": 7, "poll": timedelta(milliseconds=250), "grace": timedelta()}
    assert of_file.given("caps.email") == {"per_second": 2.5}
    assert of_file.given("caps.email.lane") == {"at_once": 3}


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        databse = "sqlite:///app.db"
        smtp = "smtp://localhost"
        retention = 90
        mail = "smtp://localhost"
        [worker]
        leas = "3s"
        batch = "many"
        [cap]
        email = 3
        """,
    )
    environment = {"CLARION_DATABSE": "x", "CLARION_WORKER_PAGE": "0", "CLARION_DEFAULT_LOCALE": "xx-yy-zz"}
    assert problems(tmp_path, environment, {"metrics": "nowhere"}) == [
        "the environment: unknown variable 'CLARION_DATABSE'; did you mean 'CLARION_DATABASE'?",
        "clarion.toml: unknown setting 'databse'; did you mean 'database'?",
        "clarion.toml: unknown setting 'smtp'; did you mean 'mail.smtp'?",
        "clarion.toml: mail is a table; write [mail] before its settings",
        "clarion.toml: unknown setting 'worker.leas'; did you mean 'worker.lease'?",
        "clarion.toml: unknown table 'cap'; did you mean 'caps'?",
        "CLARION_DEFAULT_LOCALE = 'xx-yy-zz': it is no locale; name it like 'en' or 'pt-BR'",
        "clarion.toml: retention = 90: it must be how long, with its unit: '30d', '12h', '5m', '30s' or '100ms'",
        "--metrics 'nowhere': metrics: say host:port, such as 127.0.0.1:9464, not 'nowhere'",
        "CLARION_WORKER_PAGE = '0': it must be a whole number from 1 to 100000",
        "clarion.toml: worker.batch = 'many': it must be a whole number from 1 to 100000",
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("name = 3", "it must be text, in quotes"),
        ('name = " "', "not empty"),
        ('name = "a\\u202eb"', "control characters"),
        ('log = "xml"', "it must be 'text' or 'json'"),
        ('verbose = "yes"', "it must be true or false"),
        ("verbose = 1", "it must be true or false"),
        ('retention = "25d"', "26 days or more"),
        ('retention = "999999999d"', "it must be from 0s to 36500d"),
        ('app = "shop.main"', "it must be written module:name"),
        ('types = "nowhere.toml"', "there is no such file"),
        ('templates = "nowhere"', "there is no such folder"),
        ('version = "one"', "use up to four numbers"),
        ('base_url = "acme.test"', "must be where the application is on the web"),
        ('database = "nonsense"', "the database's URL cannot be read"),
        ('database = "sqlite:///:memory:"', "name a file"),
        ('worker.lease = "10ms"', "it must be from 1s to 1d"),
        ("worker.batch = true", "it must be a whole number"),
        ("worker.batch = 1.5", "it must be a whole number"),
        ('mail = {sender = "Acme", smtp = "smtp://h"}', "mail.sender = 'Acme': sender: mail address 'Acme'"),
        ('mail = {sender = "a@acme.test", smtp = "http://h"}', "unknown scheme of a mail server 'http'"),
        ('mail = {sender = "a@acme.test"}', "clarion.toml gives the one, and mail.smtp is missing"),
        ('mail.reply_to = "a@acme.test"', "of no use, as there is no channel email"),
        ("caps.email.per_second = 1", "of no use, as there is no channel email"),
        ("caps.email.per_second = nan", "it must be a number above 0"),
        ("caps.emial.per_second = 1", "unknown table 'caps.emial'; did you mean 'caps.email'?"),
        ('name_file = "a"', "unknown setting 'name_file'; did you mean 'name'?"),
        ('"mail.sneder" = "a"', "did you mean 'mail.sender'?"),
        ("database_file = 3", "it must be the path of a file"),
        ('database_file = "nowhere"', "nowhere' cannot be read: No such file or directory"),
        ('database = "sqlite:///a.db"\ndatabase_file = "b"', "database and database_file say the same"),
        ("name = ", "it is no TOML"),
    ],
)
def test_a_refusal_names_file_value_and_remedy(said: str, why: str, tmp_path: Path) -> None:
    write(tmp_path, said)
    found = problems(tmp_path)
    assert why in found[0]
    assert "clarion.toml" in found[0]


def test_a_variable_that_resembles_ours(tmp_path: Path) -> None:
    others = {
        "CLARION_TEST_PG_BIN": "/usr/bin",
        "CLARION_SERVICE_HOST": "10.0.0.1",
        "CLARION_SERVICE_PORT_HTTP": "80",
        "CLARION_PORT": "tcp://10.0.0.1:80",
        "CLARION_PORT_80_TCP_ADDR": "10.0.0.1",
        "CLARION_WEB_SERVICE_HOST": "10.0.0.1",
        "CLARIONET": "a",
        "CLARION_DATABASE": "",
    }
    assert not [one for one in read(environment=others, folder=tmp_path) if one.said]
    for name, nearest in {
        "CLARION_SMPT": "CLARION_SMTP",
        "CLARION_LEASE": "CLARION_WORKER_LEASE",
        "CLARION_PROT": "known",
        "CLARION_CONFIG_FILE": "CLARION_CONFIG",
        "CLARION_DATABASE_FIEL": "CLARION_DATABASE_FILE",
    }.items():
        (problem,) = problems(tmp_path, {name: "x"})
        assert f"unknown variable {name!r}" in problem
        assert nearest in problem


def test_one_thing_said_twice(tmp_path: Path) -> None:
    both = {"CLARION_SMTP": "smtp://a", "CLARION_MAIL_SMTP": "smtp://b", "CLARION_SENDER": "a@acme.test"}
    assert problems(tmp_path, both) == [
        "the environment: CLARION_MAIL_SMTP and CLARION_SMTP say the same; leave one out"
    ]
    held = {"CLARION_DATABASE": "sqlite:///a.db", "CLARION_DATABASE_FILE": "b"}
    assert "CLARION_DATABASE and CLARION_DATABASE_FILE say the same" in problems(tmp_path, held)[0]


def test_another_file(tmp_path: Path) -> None:
    write(tmp_path, 'name = "Here"')
    write(tmp_path, "", "etc/types.toml")
    write(tmp_path, "smtp://u:p@mail.test\n", "etc/secrets/smtp")
    write(
        tmp_path,
        """
        name = "There"
        types = "types.toml"
        database = "sqlite:///var/app.db"
        [mail]
        smtp_file = "secrets/smtp"
        sender = "a@acme.test"
        """,
        "etc/other.toml",
    )
    settings = read(config="etc/other.toml", environment={"CLARION_CONFIG": "nowhere"}, folder=tmp_path)
    assert settings.file == "etc/other.toml"
    assert (settings["name"], settings["types"]) == ("There", tmp_path / "etc/types.toml")
    assert settings["database"] == f"sqlite:///{tmp_path}/etc/var/app.db", (
        "relative to its file, like the rest"
    )
    assert settings["mail.smtp"] == "smtp://u:p@mail.test"
    of_environment = read(environment={"CLARION_CONFIG": str(tmp_path / "etc/other.toml")}, folder=tmp_path)
    assert of_environment["name"] == "There"
    assert read(config=os.devnull, environment={}, folder=tmp_path)["name"] == "Clarion"
    (problem,) = problems(tmp_path, config="etc/nowhere.toml")
    assert problem == "etc/nowhere.toml: the file of settings cannot be read: No such file or directory"


def test_a_secret_from_a_file_that_a_variable_names(tmp_path: Path) -> None:
    write(tmp_path, "\n sqlite:///secret.db \n", "held")
    settings = read(environment={"CLARION_DATABASE_FILE": "held"}, folder=tmp_path)
    assert settings["database"] == f"sqlite:///{tmp_path}/secret.db"
    assert origin(settings, "database") == f"CLARION_DATABASE_FILE, held in {tmp_path / 'held'}"
    write(tmp_path, "\n", "empty")
    assert "is empty" in problems(tmp_path, {"CLARION_DATABASE_FILE": "empty"})[0]
    (tmp_path / "latin").write_bytes(b"\xe4")
    assert "is not UTF-8" in problems(tmp_path, {"CLARION_DATABASE_FILE": "latin"})[0]
    assert "directory" in problems(tmp_path, {"CLARION_DATABASE_FILE": "."})[0].lower()


def test_the_file_of_a_secret_need_not_be_where_it_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, 'database_file = "/run/secrets/nowhere"')
    environment = {"CLARION_DATABASE": "sqlite:////srv/app.db"}
    assert read(environment=environment, folder=tmp_path)["database"] == "sqlite:////srv/app.db"


def test_what_is_not_needed_is_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, 'types = "nowhere.toml"\nretention = "90d"\n[mail]\nsmtp_file = "nowhere"')
    needed = read(environment={}, folder=tmp_path, only=("database", "retention"))
    assert {one.setting.key for one in needed if one.said} == {"retention"}
    assert len(problems(tmp_path)) == 3
    write(tmp_path, 'typs = "nowhere.toml"\n')
    with pytest.raises(WrongSettings, match="did you mean 'types'"):
        read(environment={}, folder=tmp_path, only=("database",))


@pytest.mark.parametrize(
    "secret",
    [
        "mysql://olga:hunter2@h/x",
        "mysql://h/x?password=hunter2",
        "postgresql://olga:hunter2@h:port/x",
        "postgresql//olga:hunter2@h/x",
        "hunter2",
    ],
)
def test_no_refusal_shows_a_secret(secret: str, tmp_path: Path) -> None:
    write(tmp_path, secret, "held")
    mail = {"CLARION_SENDER": "a@acme.test"}
    for key in ("DATABASE", "SMTP"):
        for environment in ({f"CLARION_{key}": secret}, {f"CLARION_{key}_FILE": "held"}):
            assert "hunter2" not in "".join(problems(tmp_path, {**mail, **environment}))
    assert "hunter2" not in "".join(problems(tmp_path, {}, {"database": secret}))
    for said in (f'database = "{secret}"', f'mail = "{secret}"', f'databse = "{secret}"'):
        write(tmp_path, said)
        assert "hunter2" not in "".join(problems(tmp_path))


APP, OTHER = {"CLARION_APP": "a:b"}, {"CLARION_DATABASE": "sqlite:///a.db"}


@pytest.mark.parametrize(
    ("flags", "environment", "file", "app"),
    [
        ({"app": "a:b"}, OTHER, 'database = "sqlite:///b.db"', True),
        ({}, {**APP, **OTHER}, "", True),
        ({}, {}, 'app = "a:b"\ndatabase = "sqlite:///b.db"', True),
        ({}, APP, 'database = "sqlite:///b.db"', True),
        ({}, OTHER, 'app = "a:b"', False),
        ({"database": "sqlite:///c.db"}, APP, 'app = "a:b"', False),
        ({"mail.smtp": "smtp://h"}, {**APP, **OTHER, "CLARION_SENDER": "a@acme.test"}, "", False),
    ],
)
def test_an_application_brings_its_own(
    flags: dict[str, str], environment: dict[str, str], file: str, app: bool, tmp_path: Path
) -> None:
    write(tmp_path, file + '\n[worker]\nbatch = "wrong where it counts"' if app else file)
    settings = read(flags, environment=environment, folder=tmp_path)
    assert (settings["app"] is not None) is app
    assert (settings["database"] is None) is app
    if app:
        assert settings.by_key["worker.batch"].aside
        assert settings["worker.batch"] is None


def test_an_application_and_a_database_on_the_command_line(tmp_path: Path) -> None:
    flags = {"app": "a:b", "types": "t", "database": "sqlite:///a.db"}
    (problem,) = problems(tmp_path, {}, flags)
    assert problem == "--app brings its own database, types and channels; leave out --database"


def test_reading_costs_little_where_little_is_said(tmp_path: Path) -> None:
    code = "import sys; from clarion.settings.making import make; from clarion.settings.reading import read; read(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    )
    assert "clarion.settings.declared" in done.stdout.split()
    assert not {"sqlalchemy", "jinja2", "babel", "ssl", "pydantic"} & set(done.stdout.split())
