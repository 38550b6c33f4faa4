"""Who may open the report page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine.bootstrap import DEFAULT, application
from engine.config.document import parse
from engine.config.settings import Settings
from engine.core.errors import NotFound, Unauthorized

KEY = "key-of-the-report-page"


def settings(database_url: str, folder: Path, **sections: object) -> Settings:
    document = parse(DEFAULT.read_text(), DEFAULT.name).value
    (folder / "tocsin.yaml").write_text(json.dumps({**document, **sections}))
    return Settings(data_dir=folder, database_url=SecretStr(database_url), config=folder / "tocsin.yaml")


async def test_its_own_key_opens_it_and_no_other_does(database_url: str, tmp_path: Path) -> None:
    async with application(settings(database_url, tmp_path, report_page={"key": KEY})) as app:
        assert await app.keys.report_page_key() == KEY
        assert (await app.keys.find_report_page(KEY)).report_page is not None
        [webhook, *_] = [key for _, key in (await app.keys.url_keys()).values()]
        for other in ("", KEY.upper(), f"{KEY}x", webhook, "\ud800"):
            with pytest.raises(Unauthorized):
                await app.keys.find_report_page(other)


async def test_it_is_off_by_default(database_url: str, tmp_path: Path) -> None:
    async with application(settings(database_url, tmp_path)) as app:
        assert await app.keys.report_page_key() is None
        with pytest.raises(NotFound, match="report_page"):
            await app.keys.find_report_page(KEY)


async def test_a_key_that_cannot_be_read_opens_nothing_and_is_read_again(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with application(settings(database_url, tmp_path, report_page={"key": {"env": "PAGE_KEY"}})) as app:
        with pytest.raises(Unauthorized):
            await app.keys.find_report_page(KEY)
        monkeypatch.setenv("PAGE_KEY", KEY)
        assert (await app.keys.find_report_page(KEY)).report_page is not None
