"""What is fetched from vendors, and what never is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from engine.core.errors import Unreachable
from integrations import fetching
from integrations.fetching import LARGEST, Fetcher
from tests.integrations.channels.providers import refused_port
from tests.integrations.vendors import Here, Vendor, serving

HOST = "sns.eu-west-1.amazonaws.com"
PATH = "/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:1:a&Token=t0ken"


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with serving(HOST) as vendor:
        yield vendor


async def test_a_document_is_fetched_over_tls_from_the_very_address(vendor: Vendor) -> None:
    vendor.answers[PATH] = web.Response(body=b"x" * LARGEST)
    assert await vendor.fetcher()(vendor.url(PATH)) == b"x" * LARGEST
    assert vendor.asked == [PATH]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (web.Response(status=404), "answered 404"),
        (web.Response(status=500), "answered 500"),
        (web.Response(status=302, headers={"Location": "https://evil.example/"}), "answered 302"),
        (web.Response(status=204), "answered 204"),
        (web.Response(body=b"x" * (LARGEST + 1)), "more than 65536 bytes"),
    ],
)
async def test_anything_but_a_document_is_refused(vendor: Vendor, answer: web.Response, reason: str) -> None:
    vendor.answers[PATH] = answer
    with pytest.raises(Unreachable, match=f"^{HOST} .*{reason}") as caught:
        await vendor.fetcher()(vendor.url(PATH))
    assert "t0ken" not in str(caught.value)
    assert len(vendor.asked) == 1


async def test_a_server_that_can_not_prove_its_name_is_not_asked(vendor: Vendor) -> None:
    with pytest.raises(Unreachable, match="certificate that is not trusted"):
        await vendor.fetcher(trusted=False)(vendor.url(PATH))
    with pytest.raises(Unreachable, match="certificate that is not trusted"):
        await vendor.fetcher()(f"https://sns.us-east-1.amazonaws.com{PATH}")
    assert vendor.asked == []


async def test_a_server_that_does_not_answer_is_given_up(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    vendor.hangs = True
    with pytest.raises(Unreachable, match=f"{HOST} did not answer in time"):
        await vendor.fetcher()(vendor.url(PATH))


async def test_where_nothing_listens_it_says_so() -> None:
    with pytest.raises(Unreachable, match=f"{HOST} could not be connected to"):
        await Fetcher(resolver=Here(refused_port()))(f"https://{HOST}/")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://sns.eu-west-1.amazonaws.com/x.pem", "not at an https address"),
        ("file:///etc/passwd", "not at an https address"),
        ("/x.pem", "not at an https address"),
        ("", "not at an https address"),
        ("https://169.254.169.254/latest/meta-data/", "link-local or metadata address"),
        ("https://metadata.google.internal/", "metadata service"),
    ],
)
async def test_what_is_no_vendors_address_is_not_called(url: str, reason: str) -> None:
    with pytest.raises(Unreachable, match=reason):
        await Fetcher()(url)


async def test_a_name_that_leads_to_a_metadata_address_is_not_called() -> None:
    with pytest.raises(Unreachable, match="link-local or metadata address"):
        await Fetcher(resolver=Here(443, "169.254.169.254"))(f"https://{HOST}/")
