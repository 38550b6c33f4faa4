from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from engine.config.secrets import resolve_secret, resolve_secrets
from engine.config.settings import LogFormat, Settings, read_settings, variables
from engine.core.errors import SettingsError
from engine.core.policy import SecretRef

SECRET = "s3cr3t-value"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path


def given(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Settings:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return read_settings()


def database(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def test_an_empty_environment_is_enough(home: Path) -> None:
    settings = read_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.data_dir == home / ".local/share/tocsin"
    assert database(settings) == f"sqlite:///{home}/.local/share/tocsin/tocsin.db"
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.slack_api_url == "https://slack.com/api"
    assert settings.log_format is LogFormat.CONSOLE
    assert not settings.secret_values()


def test_the_data_folder_follows_the_xdg_convention_and_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, XDG_DATA_HOME="/xdg").data_dir == Path("/xdg/tocsin")
    settings = given(monkeypatch, TOCSIN_DATA_DIR="~/pages")
    assert settings.data_dir == Path("~/pages").expanduser()
    assert database(settings) == f"sqlite:///{settings.data_dir}/tocsin.db"


def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(SettingsError, match="TOCSIN_DATA_DIR has to be set"):
        read_settings()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.5", "http://10.0.0.5:9000"),
        ("0.0.0.0", "http://127.0.0.1:9000"),  # noqa: S104 - the case
        ("::", "http://127.0.0.1:9000"),
        ("::1", "http://[::1]:9000"),
    ],
)
def test_without_a_base_address_links_lead_to_where_the_engine_listens(
    monkeypatch: pytest.MonkeyPatch, host: str, address: str
) -> None:
    assert given(monkeypatch, TOCSIN_HOST=host, TOCSIN_PORT="9000").base_url == address


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("sqlite:///tocsin.db", "sqlite:////data/tocsin.db"),
        ("sqlite:///sub/tocsin.db", "sqlite:////data/sub/tocsin.db"),
        ("sqlite:////var/lib/tocsin.db", "sqlite:////var/lib/tocsin.db"),
        ("sqlite+aiosqlite:////var/lib/tocsin.db", "sqlite:////var/lib/tocsin.db"),
        ("sqlite:///tocsin.db?timeout=5", "sqlite:////data/tocsin.db?timeout=5"),
        ("postgres://u:p@db/tocsin", "postgresql://u:p@db/tocsin"),
        ("postgresql://u:p@db:5432/tocsin?sslmode=require", "postgresql://u:p@db:5432/tocsin?sslmode=require"),
        ("postgresql+asyncpg://u:p@db/tocsin", "postgresql://u:p@db/tocsin"),
        ("postgresql:///tocsin?host=/run/postgresql", "postgresql:///tocsin?host=/run/postgresql"),
    ],
)
def test_database_addresses_are_read_in_the_forms_people_write(
    monkeypatch: pytest.MonkeyPatch, url: str, read: str
) -> None:
    assert database(given(monkeypatch, TOCSIN_DATA_DIR="/data", TOCSIN_DATABASE_URL=url)) == read


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TOCSIN_PORT", "http", "from 1 to 65535"),
        ("TOCSIN_PORT", "0", "from 1 to 65535"),
        ("TOCSIN_PORT", "65536", "from 1 to 65535"),
        ("TOCSIN_LOG_FORMAT", "xml", "console or json"),
        ("TOCSIN_BASE_URL", "tocsin.example.com", "https://tocsin.example.com"),
        ("TOCSIN_BASE_URL", "https://u:s3cr3t@tocsin.example.com", "https://tocsin.example.com"),
        ("TOCSIN_BASE_URL", "https://tocsin.example.com?token=s3cr3t", "https://tocsin.example.com"),
        ("TOCSIN_DATABASE_URL", "mysql://u:s3cr3t@db/tocsin", "postgresql://"),
        ("TOCSIN_DATABASE_URL", "postgresql://u:s3cr3t@db", "postgresql://"),
        ("TOCSIN_DATABASE_URL", "s3cr3t", "postgresql://"),
        ("TOCSIN_DATABASE_URL", "sqlite://", "sqlite:///"),
        ("TOCSIN_DATABASE_URL", "sqlite://tocsin.db", "sqlite:///"),
        ("TOCSIN_DATABASE_URL", "sqlite://host/tocsin.db", "sqlite:///"),
        ("TOCSIN_DATABASE_URL", "sqlite:///:memory:", "sqlite:///"),
        ("TOCSIN_DATABASE_URL", "sqlite:///file:x?mode=memory", "sqlite:///"),
        ("TOCSIN_SMTP_URL", "mail.example.com", "smtp[s]://"),
        ("TOCSIN_SMTP_URL", "smtp://u:s3cr3t@mail:99999", "smtp[s]://"),
        ("TOCSIN_MAIL_FROM", "tocsin", "tocsin@example.com"),
        ("TOCSIN_MAIL_FROM", "a@b.example\nBcc: c@d.example", "tocsin@example.com"),
        ("SLACK_API_URL", "ftp://slack", "Slack's API"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable_and_what_is_right(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        given(monkeypatch, **{variable: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{variable} has a value that can't be used; it has to be ")
    assert expected in sentence
    assert "s3cr3t" not in sentence
    assert "\n" not in sentence
    assert caught.value.__cause__ is None


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        given(monkeypatch, TOCSIN_PORT="x", TOCSIN_LOG_FORMAT="x", SLACK_API_URL="x", TOCSIN_BASE_URL="https://ok")
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "TOCSIN_PORT",
        "TOCSIN_LOG_FORMAT",
        "SLACK_API_URL",
    ]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, SLACK_BOT_TOKEN="", TOCSIN_PORT="", TOCSIN_SMTP_URL="", TOCSIN_MAIL_FROM_FILE="")
    assert (settings.slack_bot_token, settings.port, settings.smtp_url) == (None, 8080, None)


@pytest.mark.parametrize("name", variables())
def test_every_setting_can_be_given_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    values = {
        "TOCSIN_HOST": "10.0.0.5",
        "TOCSIN_PORT": "9000",
        "TOCSIN_DATABASE_URL": "postgresql://u:p@db/x",
        "TOCSIN_BASE_URL": "https://x.example",
        "TOCSIN_LOG_FORMAT": "json",
        "TOCSIN_SMTP_URL": "smtps://u:p@mail",
        "TOCSIN_HEARTBEAT_URL": "https://switch.example.com/0f6c3a5e",
        "TOCSIN_MAIL_FROM": "Tocsin <a@b.example>",
        "SLACK_API_URL": "http://127.0.0.1:9001/api",
    }
    plain = given(monkeypatch, **{name: values.get(name, "/some/value")})
    monkeypatch.delenv(name)
    (tmp_path / "given").write_text(f"  {values.get(name, '/some/value')}\r\n\n")
    assert given(monkeypatch, **{f"{name}_FILE": str(tmp_path / "given")}) == plain
    monkeypatch.delenv(f"{name}_FILE")
    assert read_settings() != plain


def test_what_the_program_sets_itself_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("real")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "real")
    monkeypatch.setenv("SLACK_SIGNING_SECRET_FILE", str(tmp_path / "secret"))
    settings = Settings(slack_bot_token=SecretStr("sandbox"), slack_signing_secret=SecretStr("sandbox"))
    assert settings.slack_bot_token == settings.slack_signing_secret == SecretStr("sandbox")


def test_a_variable_and_its_file_together_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET)
    with pytest.raises(SettingsError) as caught:
        given(monkeypatch, TOCSIN_ADMIN_TOKEN=SECRET, TOCSIN_ADMIN_TOKEN_FILE=str(tmp_path / "token"))
    assert str(caught.value) == "TOCSIN_ADMIN_TOKEN and TOCSIN_ADMIN_TOKEN_FILE are both set; set one of them"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b" \n", "empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 70_000, "larger than 64 KiB"),
    ],
)
def test_a_file_without_a_usable_value_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"TOCSIN_ADMIN_TOKEN_FILE names {path}, which .*{why}"):
        given(monkeypatch, TOCSIN_ADMIN_TOKEN_FILE=str(path))


def test_a_wrong_value_in_a_file_is_laid_to_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("s3cr3t")
    with pytest.raises(SettingsError, match="TOCSIN_PORT_FILE names a file whose content can't be used"):
        given(monkeypatch, TOCSIN_PORT_FILE=str(tmp_path / "port"))


def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "TOCSIN_ADMIN_TOKEN": f"{SECRET}-1",
        "SLACK_BOT_TOKEN": f"{SECRET}-2",
        "SLACK_SIGNING_SECRET": f"{SECRET}-3",
        "SLACK_APP_TOKEN": f"{SECRET}-4",
        "TOCSIN_DATABASE_URL": f"postgresql://u:{SECRET}-5@db/x",
        "TOCSIN_SMTP_URL": f"smtp://u:{SECRET}%2B6@mail",
    }
    settings = given(monkeypatch, **secrets)
    assert SECRET not in f"{settings!r} {settings}"
    assert settings.secret_values() >= {*(f"{SECRET}-{number}" for number in range(1, 6)), f"{SECRET}+6"}


def test_the_address_of_the_default_database_is_no_secret_to_hide() -> None:
    assert read_settings().secret_values() == frozenset()


def test_a_secret_in_the_configuration_is_itself_or_where_it_refers_to(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    for secret in (SecretStr(SECRET), SecretRef(env="PROM_KEY"), SecretRef(file=tmp_path / "key")):
        assert resolve_secret(secret, {"PROM_KEY": f" {SECRET} "}) == SecretStr(SECRET)


@pytest.mark.parametrize("environ", [{}, {"PROM_KEY": " "}])
def test_a_reference_to_nothing_is_refused_by_name(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="PROM_KEY is not set; the configuration refers to it"):
        resolve_secret(SecretRef(env="PROM_KEY"), environ)


def test_all_references_of_a_modules_settings_are_resolved() -> None:
    class Gateway(BaseModel):
        url: str
        secret: SecretStr | SecretRef
        token: SecretStr | SecretRef | None = None

    settings = Gateway(url="https://x.example", secret=SecretRef(env="A"), token=SecretStr("t"))
    resolved = resolve_secrets(settings, {"A": SECRET})
    assert (resolved.secret, resolved.token, resolved.url) == (SecretStr(SECRET), SecretStr("t"), "https://x.example")
    assert settings.secret == SecretRef(env="A")
