"""Amazon SNS as a sender: messages signed with a key of our own, and the certificate that goes with it."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from tests.integrations import certificates

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
TOKEN = "2336412f37fb687f"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={TOKEN}"
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
VALID_FROM, VALID_UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def certificate() -> bytes:
    return certificates.certificate("sns.amazonaws.com", VALID_FROM, VALID_UNTIL)


def message(text: str | dict[str, Any], **fields: str) -> dict[str, Any]:
    """A notification of this text, or of this JSON, unless `Type` says otherwise."""
    return {
        "Type": "Notification",
        "MessageId": "b83e7f0a-5d0e-5a71-9c47-d00000000001",
        "TopicArn": TOPIC,
        "Message": text if isinstance(text, str) else json.dumps(text),
        "Timestamp": "2026-11-20T11:59:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **fields,
    }


def confirmation(kind: str = "SubscriptionConfirmation", **fields: str) -> dict[str, Any]:
    return message(
        "To confirm, visit the SubscribeURL.", Type=kind, **{"Token": TOKEN, "SubscribeURL": SUBSCRIBE_URL} | fields
    )


def signed(fields: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in SIGNED.get(fields["Type"], ()) if name in fields]
    text = "".join(f"{name}\n{fields[name]}\n" for name in names)
    algorithm = SHA1() if fields["SignatureVersion"] == "1" else SHA256()  # noqa: S303 - version 1 is that
    return {**fields, "Signature": b64encode(certificates.key().sign(text.encode(), PKCS1v15(), algorithm)).decode()}
