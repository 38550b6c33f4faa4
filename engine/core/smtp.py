"""Mail that comes without a mail server in between: the section of `tocsin.yaml`, and the key in an address. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from engine.core.shape import Model

HIDDEN = b"***"
"""Stands for the key in a mail. ASCII, for an address stays one."""
GUESSABLE = 16
"""A key of fewer characters may be a word, which is hidden in addresses only and left alone in sentences."""
LOOKED_AT = 64 * 1024
"""Bytes of a mail in which addresses are looked for."""
MOST_ADDRESSES = 500
ADDRESSED = re.compile(rb"(?<![A-Za-z0-9._~+-])([A-Za-z0-9._~+-]{8,200})(?:@|%40)")


def _ip_address(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is no IP address; write it like 127.0.0.1, 0.0.0.0 or ::") from None
    return value


class StartTls(Model):
    """What senders encrypt with, by STARTTLS."""

    certificate: Path
    """The file with the certificate and those of its issuers, in PEM. It is read anew when it changes."""
    key: Path
    """The file with the certificate's key, in PEM, without a passphrase."""
    required: bool = False
    """Mail that comes unencrypted is refused."""


class SmtpListener(Model):
    """Takes mail for the integrations whose source is `email`, at KEY@ whatever host."""

    listen: Annotated[str, AfterValidator(_ip_address)] = "127.0.0.1"
    """The address to listen on. Whoever reaches it and knows a key can page people."""
    port: Annotated[int, Field(ge=0, le=65535)] = 2525
    """0 takes a free one, which the engine prints when it starts."""
    starttls: StartTls | None = None
    """Without it mail comes unencrypted, its key too."""


def key_in(address: str) -> str:
    """The key that a recipient's address holds, as it came: KEY@host, or after a plus, like alerts+KEY@host."""
    local, at, _ = address.rpartition("@")
    return (local if at else address).strip('"').rpartition("+")[2]


def words_in(mail: bytes) -> frozenset[str]:
    """What may be a key in the addresses that a mail names, its header above all: those that it goes to in another copy
    are there too."""
    found = islice(ADDRESSED.finditer(mail[:LOOKED_AT]), MOST_ADDRESSES)
    return frozenset(key_in(match[1].decode()) for match in found)


def without_keys(mail: bytes, keys: Collection[str]) -> bytes:
    """The mail without the keys that it was addressed to, in whatever case they have come: mail servers write them into
    the header, and what stands there becomes the alert's labels."""
    for key in filter(None, keys):
        followed = rb"(?=@|=|%40)" if len(key) < GUESSABLE else b""
        mail = re.sub(re.escape(key.encode()) + followed, HIDDEN, mail, flags=re.IGNORECASE)
    return mail
