"""The settings of the process: environment variables, each also as NAME_FILE with the path of a file that holds it."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from engine.config.secrets import read_secret_file
from engine.core.errors import SettingsError

PREFIX = "TOCSIN_"
LOOPBACK = "127.0.0.1"
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - recognised here, not bound to
DIALECTS = {"sqlite": "sqlite", "postgres": "postgresql", "postgresql": "postgresql"}


class LogFormat(StrEnum):
    CONSOLE = "console"
    JSON = "json"


def _data_dir() -> Path:
    """The user's own data folder, where the XDG base directory specification puts it."""
    try:
        home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    except RuntimeError:
        raise SettingsError("TOCSIN_DATA_DIR has to be set, since this user has no home directory") from None
    return Path(home) / "tocsin"


def _local_address(known: dict[str, Any]) -> str:
    """Where the engine is reached from this machine."""
    host = LOOPBACK if known["host"] in EVERY_ADDRESS else known["host"]
    return f"http://{f'[{host}]' if ':' in host else host}:{known['port']}"


def _split(url: str, *schemes: str) -> SplitResult:
    """Raises ValueError for anything but an address with one of the schemes, a host and a sound port."""
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname or parts.port == 0:
        raise ValueError("not such an address")
    return parts


def _web_address(value: str) -> str:
    parts = _split(value, "http", "https")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("more than an address")
    return value.rstrip("/")


def _mail_server(value: SecretStr) -> SecretStr:
    _split(value.get_secret_value(), "smtp", "smtps")
    return value


def _secret_address(value: SecretStr) -> SecretStr:
    """The path or the query is the secret part."""
    _split(value.get_secret_value(), "http", "https")
    return value


def _database(url: str, data_dir: Path) -> str:
    """Drivers, as in postgresql+asyncpg, are the engine's own choice. A relative file is taken from the data folder."""
    scheme, _, rest = url.partition("://")
    dialect = DIALECTS.get(scheme.partition("+")[0])
    name = urlsplit(f"//{rest}").path.removeprefix("/")
    if dialect is None or not name or ":memory:" in rest or "mode=memory" in rest:
        raise ValueError("no such address, or nothing that outlives the process")
    if dialect == "postgresql":
        return f"{dialect}://{rest}"
    if not rest.startswith("/"):
        raise ValueError("a file has no host")
    return f"{dialect}:///{data_dir / name}{rest.removeprefix(f'/{name}')}"


WebAddress = Annotated[str, AfterValidator(_web_address)]
Folder = Annotated[Path, AfterValidator(Path.expanduser), AfterValidator(Path.absolute)]
Filled = Annotated[SecretStr, Field(min_length=1)]


class NamedFiles(PydanticBaseSettingsSource):
    """The values of variables that are given as NAME_FILE."""

    def __call__(self) -> dict[str, Any]:
        values = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in values if value is not None}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        name = variable(field_name)
        path = os.environ.get(f"{name}_FILE")
        if path and os.environ.get(name):
            raise SettingsError(f"{name} and {name}_FILE are both set; set one of them")
        return read_secret_file(f"{name}_FILE", Path(path)) if path else None, field_name, False


class Settings(BaseSettings):
    """A field's description says what the value has to be: it ends the sentence that refuses another one."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        validate_default=True,
        use_attribute_docstrings=True,
    )

    host: str = LOOPBACK
    """the address to listen on, like 127.0.0.1 or 0.0.0.0"""
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """the port to listen on, from 1 to 65535"""
    data_dir: Folder = Field(default_factory=_data_dir)
    """the folder of the embedded database"""
    database_url: SecretStr = SecretStr("sqlite:///tocsin.db")
    """sqlite:///file, which is taken from the data folder, or postgresql://user:password@host:port/name"""
    config: Folder | None = None
    """the path of the tocsin.yaml that is applied at the first start"""
    base_url: WebAddress = Field(default_factory=_local_address)
    """the address under which people reach this engine, like https://tocsin.example.com"""
    log_format: LogFormat = LogFormat.CONSOLE
    """console or json"""
    admin_token: Filled | None = None
    """the API token of the first administrator; without it one is made and shown once"""
    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)] | None = None
    """the mail server, as smtp[s]://user:password@host:port"""
    mail_from: Annotated[str, Field(pattern=r"^[^\r\n]*[^@\s]@[^@\s]+$")] | None = None
    """the sender of mail, like tocsin@example.com"""
    heartbeat_url: Annotated[SecretStr, AfterValidator(_secret_address)] | None = None
    """the address of a dead man's switch, like https://hc-ping.com/…, called every 30 s while pages go out"""
    slack_bot_token: Filled | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    """the bot token of the Slack app, which begins with xoxb-"""
    slack_signing_secret: Filled | None = Field(default=None, validation_alias="SLACK_SIGNING_SECRET")
    """the signing secret of the Slack app"""
    slack_app_token: Filled | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    """the app-level token for Socket Mode, which begins with xapp-"""
    slack_api_url: WebAddress = Field(default="https://slack.com/api", validation_alias="SLACK_API_URL")
    """the base of Slack's API, or of a sandbox in its place"""

    @field_validator("database_url")
    @classmethod
    def _from_the_data_folder(cls, value: SecretStr, known: ValidationInfo) -> SecretStr:
        return SecretStr(_database(value.get_secret_value(), known.data.get("data_dir", Path())))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, NamedFiles(settings_cls)

    def secret_values(self) -> frozenset[str]:
        """What must not appear in any log: the secrets, and the passwords within addresses."""
        secrets = {value.get_secret_value() for _, value in self if isinstance(value, SecretStr)}
        passwords = {urlsplit(secret).password for secret in secrets if "://" in secret}
        addresses = {secret for secret in secrets if "://" in secret and not urlsplit(secret).password}
        addresses -= {self.heartbeat_url.get_secret_value()} if self.heartbeat_url else set()
        return frozenset(secrets - addresses | {form for word in passwords if word for form in (word, unquote(word))})


def variable(field_name: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[field_name].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field_name.upper()


def variables() -> dict[str, str]:
    """Every variable and what its value has to be."""
    return {variable(name): field.description or "" for name, field in Settings.model_fields.items()}


def read_settings() -> Settings:
    """Reads the environment. Raises SettingsError with a sentence for each variable that can't be used."""
    try:
        return Settings()
    except ValidationError as error:
        faults = error.errors(include_input=False, include_context=False)
        wrong = {fault["loc"][0] for fault in faults if fault["type"] != "default_factory_not_called"}
    fields = [name for name in Settings.model_fields if name in wrong or variable(name) in wrong]
    raise SettingsError("\n".join(_sentence(name) for name in fields))


def _sentence(field_name: str) -> str:
    name = variable(field_name)
    given = f"{name}_FILE" if os.environ.get(f"{name}_FILE") else name
    what = "names a file whose content" if given != name else "has a value that"
    return f"{given} {what} can't be used; it has to be {Settings.model_fields[field_name].description}"
