"""The mail listener: whether its certificate can be used, and what is surely not meant."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from ipaddress import ip_address

from pydantic import SecretStr

from engine.config.document import Flaw, Steps
from engine.core.errors import SettingsError
from engine.core.policy import Config
from engine.core.smtp import StartTls

SECTION = "smtp_listener"
SOURCE = "email"
LONGEST_LOCAL_PART = 64
"""RFC 5321, 4.5.3.1.1; a mail server on the way may refuse a longer one."""


def server_context(files: StartTls) -> ssl.SSLContext:
    """What a server encrypts with. Raises SettingsError with what is wrong with the files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for path in (files.certificate, files.key):
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingsError(f"{path} can't be read: {error.strerror or type(error).__name__}") from None
    try:
        # OpenSSL would ask whoever sits at the terminal for the passphrase of a key that has one.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        why = (getattr(error, "reason", None) or "no PEM, or a passphrase").replace("_", " ").lower()
        raise SettingsError(f"{files.certificate} with the key {files.key} can't be used: {why}") from None
    return context


def check_listener(config: Config) -> Iterator[Flaw]:
    files = config.smtp_listener.starttls if config.smtp_listener else None
    if files is None:
        return
    at: Steps = (SECTION, "starttls")
    for name, path in (("certificate", files.certificate), ("key", files.key)):
        if not path.is_absolute():
            remedy = "write the whole path: the engine may be started in another folder"
            yield Flaw(at=(*at, name), wrong=f"{str(path)!r} is no absolute path", remedy=remedy)
            return
    try:
        server_context(files)
    except SettingsError as error:
        remedy = "name a certificate and its own key, both in PEM and readable for this user"
        yield Flaw(at=at, wrong=str(error), remedy=remedy)


def advise_on_listener(config: Config) -> Iterator[Flaw]:
    """What is allowed and surely not meant."""
    listener = config.smtp_listener
    if listener is None:
        return
    takers = {name: own for name, own in config.integrations.items() if own.source == SOURCE}
    if not takers:
        remedy = f"add an integration with `source: {SOURCE}`"
        yield Flaw(at=(SECTION,), wrong="no integration takes mail, so all of it is refused", remedy=remedy)
    if listener.starttls is None and not ip_address(listener.listen).is_loopback:
        remedy = "give it `starttls`, or let it listen on 127.0.0.1 behind a mail server"
        yield Flaw(at=(SECTION, "listen"), wrong="keys cross the network where anybody can read them", remedy=remedy)
    for name, own in takers.items():
        if (own.model_extra or {}).get("token") is not None:
            wrong = "no mail can bring this token, so what comes by SMTP is refused"
            yield Flaw(at=("integrations", name, "token"), wrong=wrong, remedy="leave it out: the key is the secret")
        if isinstance(own.key, SecretStr) and len(own.key.get_secret_value()) > LONGEST_LOCAL_PART:
            wrong = f"it is too long for an address: more than {LONGEST_LOCAL_PART} characters"
            yield Flaw(at=("integrations", name, "key"), wrong=wrong, remedy="take a shorter one")
