"""The ways to reach a person: one module each, with its settings, its rendering and its sending."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from pydantic import SecretStr

from engine.core.policy import SecretRef
from engine.ports import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """What every channel is given, whichever part of it that channel needs.

    `session` is the process's one HTTP session for vendors' APIs, made inside the loop at the first call.
    `secret` reads what a SecretRef points to; None where that variable or file is missing or empty.
    `allow_private_targets`: addresses that come from the configuration may be on this machine or a private network.
    """

    clock: Clock
    session: Callable[[], aiohttp.ClientSession]
    secret: Callable[[SecretRef], SecretStr | None]
    smtp_url: SecretStr | None = None
    mail_from: str = ""
    slack_bot_token: SecretStr | None = None
    slack_api_url: str | None = None
    base_url: str = ""
    allow_private_targets: bool = True
