"""The engine without its loops, and clients that ask it as different people do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from engine.api.app import create_api
from engine.api.parts import Parts
from engine.bootstrap import DEFAULT, Application, application, registry
from engine.clock import VirtualClock
from engine.config.document import parse
from engine.config.load import load
from engine.config.settings import Settings
from engine.core.model import Role
from engine.playbookfile import load_playbooks
from engine.services import access
from integrations.registry import ACTIONS, SOURCES

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADMIN_TOKEN = "api-test-admin-token"
SIGNATURE_SECRET = "api-test-signature-secret"
GUARDED = ("pagerduty", "opsgenie")
KEYS = {name: f"key-of-{name}" for name in (*SOURCES, "signed", *(f"guarded-{source}" for source in GUARDED))}

INTEGRATIONS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"source": name, "key": KEYS[name]} for name in SOURCES},
    **{
        f"guarded-{source}": {"source": source, "key": KEYS[f"guarded-{source}"], "token": {"env": "SIGNED_SECRET"}}
        for source in GUARDED
    },
    "signed": {
        "source": "generic",
        "key": KEYS["signed"],
        "signature_header": "X-Signature",
        "signature_secret": {"env": "SIGNED_SECRET"},
    },
}


@dataclass(frozen=True, kw_only=True)
class House:
    """The engine, its clock, and the tokens of its callers by role."""

    app: Application
    clock: VirtualClock
    tokens: Mapping[Role, str]

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.api.state.parts
        return parts

    def api(self, **parts: Any) -> FastAPI:
        """The HTTP face with other parts."""
        return create_api(replace(self.parts, **parts))

    def client(self, role: Role | None = Role.ADMIN, api: FastAPI | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        transport = httpx.ASGITransport(api or self.app.api, client=("203.0.113.7", 4711))
        return httpx.AsyncClient(transport=transport, base_url="http://tocsin.test", headers=headers)


@cache
def config_text() -> str:
    """The shipped configuration with integrations whose keys are known here."""
    document = parse(DEFAULT.read_text(), DEFAULT.name).value
    return json.dumps({**document, "integrations": INTEGRATIONS})


def write_config(folder: Path) -> Path:
    path = folder / "tocsin.yaml"
    path.write_text(config_text())
    return path


@asynccontextmanager
async def open_house(database_url: str, folder: Path) -> AsyncIterator[House]:
    clock = VirtualClock(NOW)
    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(database_url),
        config=write_config(folder),
        admin_token=SecretStr(ADMIN_TOKEN),
    )
    async with application(settings, clock=clock) as app:
        tokens = {Role.ADMIN: ADMIN_TOKEN}
        for role in (Role.VIEWER, Role.RESPONDER, Role.MANAGER):
            secret = await access.create_token(app.context, name=role.value, role=role)
            tokens[role] = secret.get_secret_value()
        yield House(app=app, clock=clock, tokens=tokens)


@pytest.fixture(scope="session", autouse=True)
def _files_are_read_once() -> Iterator[None]:
    """They are the same for every test here, and to read them takes longer than most of the tests."""
    config = cache(lambda text: load(text, "tocsin.yaml", registry()))
    playbooks = cache(lambda folders: load_playbooks(folders, ACTIONS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.bootstrap.load_config", lambda path: config(path.read_text()))
        patch.setattr("engine.bootstrap.load_playbooks", lambda folders, _: playbooks(tuple(folders)))
        yield


@pytest.fixture(autouse=True)
def _secret_of_the_signed_integration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNED_SECRET", SIGNATURE_SECRET)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database_url, tmp_path) as house:
        yield house


@pytest.fixture
async def light_house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    """For what the kind of database has no part in."""
    async with open_house(sqlite_url, tmp_path) as house:
        yield house


@pytest.fixture
async def admin(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client
