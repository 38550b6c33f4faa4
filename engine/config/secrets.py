"""Secrets that stay out of the configuration: read from the environment or from a file when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, SecretStr

from engine.core.errors import SettingsError
from engine.core.policy import SecretRef

LARGEST = 64 * 1024
M = TypeVar("M", bound=BaseModel)


def read_secret_file(name: str, path: Path) -> str:
    """The file's text without the blanks and line ends around it. `name` is what the error calls the file.

    Raises SettingsError for a file that can't be read, is no text, is empty or can't be a secret for its size.
    """
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise SettingsError(f"{name} names {path}, which can't be read: {why}") from None
    if not text or len(content) > LARGEST:
        raise SettingsError(f"{name} names {path}, which is {'empty' if not text else 'larger than 64 KiB'}")
    return text


def resolve_secret(secret: SecretStr | SecretRef, environ: Mapping[str, str]) -> SecretStr:
    """The secret itself. Raises SettingsError where the variable or the file it refers to holds none."""
    if isinstance(secret, SecretStr):
        return secret
    if secret.file is not None:
        return SecretStr(read_secret_file("the configuration", secret.file))
    value = environ.get(secret.env or "", "").strip()
    if not value:
        raise SettingsError(f"{secret.env} is not set; the configuration refers to it for a secret")
    return SecretStr(value)


def resolve_secrets(settings: M, environ: Mapping[str, str]) -> M:
    """The same settings with every reference replaced by its secret. Raises SettingsError as `resolve_secret` does."""
    found = {name: resolve_secret(value, environ) for name, value in settings if isinstance(value, SecretRef)}
    return settings.model_copy(update=found)
