"""Clients for the servers of a test."""

import ssl
from typing import Any

import httpx


def plain_http(address: str, **options: Any) -> httpx.AsyncClient:
    """It trusts nobody: to read whom a machine trusts takes longer than many a test, and nothing here speaks TLS."""
    return httpx.AsyncClient(base_url=address, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options)
