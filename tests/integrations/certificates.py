"""Certificates of our own: for servers that speak TLS, and for senders that sign."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(host: str, valid_from: datetime, valid_until: datetime) -> bytes:
    """For `host`, signed by itself, in PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = x509.CertificateBuilder(name, name, key().public_key(), 1, valid_from, valid_until)
    named = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return named.sign(key(), SHA256()).public_bytes(Encoding.PEM)
