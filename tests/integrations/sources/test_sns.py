"""Who may say that SNS has sent it: the proof, against messages that SNS itself and an emulator of it have signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from engine.core.errors import Unauthorized, Unreadable
from engine.ports import Request
from integrations.sources.sns import certificate_url, check_message, read_message
from tests.integrations.sources import amazon
from tests.integrations.sources.bodies import NOW, captured, request

THEN = datetime(2026, 3, 6, 21, tzinfo=UTC)
"""When Amazon's certificate was valid."""
REAL = ("no_subject", "with_subject", "version_2", "subscription", "unsubscription")


def check(body: object, certificate: bytes | None = None, now: datetime = NOW) -> None:
    check_message(read_message(request(body)), certificate or amazon.certificate(), now)


@pytest.mark.parametrize("name", REAL)
def test_what_amazon_has_signed_is_taken(name: str) -> None:
    check(captured(f"sns/amazon_{name}.json"), captured("sns/amazon.pem"), THEN)


@pytest.mark.parametrize("name", REAL)
def test_a_message_of_amazons_with_one_signed_field_changed_is_refused(name: str) -> None:
    body = json.loads(captured(f"sns/amazon_{name}.json"))
    for field in amazon.SIGNED[body["Type"]]:
        changed = body | {field: f"{body.get(field, '')}."}
        with pytest.raises(Unauthorized, match="is not signed"):
            check(changed, captured("sns/amazon.pem"), THEN)


def test_what_an_emulator_has_signed_is_taken_unless_it_left_something_out() -> None:
    check(captured("sns/moto.json"), captured("sns/moto.pem"))
    with pytest.raises(Unauthorized, match="is not signed"):  # moto leaves the subject out of what it signs
        check(captured("sns/moto_with_subject.json"), captured("sns/moto_with_subject.pem"))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", amazon.SIGNED)
def test_every_type_is_taken_in_both_versions_of_the_signature(kind: str, version: str) -> None:
    check(amazon.signed(amazon.confirmation(kind, SignatureVersion=version)))


def test_text_in_any_language_is_signed_as_it_is_meant() -> None:
    check(amazon.signed(amazon.message('Größe "12"\n\t😀', Subject="é")))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Signature": ""}, "is not signed"),
        ({"Signature": "%%%"}, "is not signed"),
        ({"Signature": "é"}, "is not signed"),
        ({"Signature": "QUJD"}, "is not signed"),
        ({"SignatureVersion": "1"}, "is not signed"),
        ({"SignatureVersion": "3"}, "SignatureVersion 3 is unknown"),
        ({"SignatureVersion": ""}, "is unknown"),
    ],
)
def test_no_other_signature_is_taken(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(Unauthorized, match=reason):
        check(amazon.signed(amazon.message("Disk full")) | changes)


def elliptic() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, amazon.VALID_FROM, amazon.VALID_UNTIL)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("certificate", "now", "reason"),
    [
        (b"<html>", NOW, "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NOW, "no certificate"),
        (elliptic(), NOW, "no RSA key"),
        (captured("sns/amazon.pem"), THEN, "is not signed"),
        (captured("sns/amazon.pem"), NOW, "not valid at this time"),
        (amazon.certificate(), datetime(2025, 12, 31, tzinfo=UTC), "not valid at this time"),
        (amazon.certificate(), datetime(2027, 1, 2, tzinfo=UTC), "not valid at this time"),
    ],
)
def test_no_other_certificate_proves_it(certificate: bytes, now: datetime, reason: str) -> None:
    with pytest.raises(Unauthorized, match=reason):
        check(amazon.signed(amazon.message("Disk full")), certificate, now)


def address_of(url: str, topic: str = amazon.TOPIC) -> str:
    return certificate_url(
        read_message(request(amazon.signed(amazon.message("x", SigningCertURL=url, TopicArn=topic))))
    )


@pytest.mark.parametrize(
    ("host", "topic"),
    [
        ("sns.eu-west-1.amazonaws.com", "arn:aws:sns:eu-west-1:123456789012:alarms"),
        ("sns.us-gov-west-1.amazonaws.com", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:alarms"),
        ("sns.cn-north-1.amazonaws.com.cn", "arn:aws-cn:sns:cn-north-1:123456789012:alarms.fifo"),
        ("sns.ap-southeast-12.amazonaws.com", "arn:aws:sns:ap-southeast-12:123456789012:a"),
    ],
)
def test_certificates_are_fetched_from_sns_in_the_region_of_the_topic(host: str, topic: str) -> None:
    url = f"https://{host}/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
    assert address_of(url, topic) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com:444/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123.pem",
        "https://user@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://snsxeu-west-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem\n",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../secret.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=Publish",
        "file:///etc/passwd",
        "https://169.254.169.254/SimpleNotificationService-0123.pem",
    ],
)
def test_no_other_address_is_ever_fetched(url: str) -> None:
    with pytest.raises(Unauthorized, match="SigningCertURL"):
        address_of(url)


@pytest.mark.parametrize(
    "url",
    [
        amazon.SUBSCRIBE_URL.replace("https:", "http:"),
        amazon.SUBSCRIBE_URL.replace("eu-west-1.amazonaws", "eu-west-1.amazonaws.com.evil"),
        amazon.SUBSCRIBE_URL.replace("sns.eu-west-1", "sns.us-east-1"),
        amazon.SUBSCRIBE_URL.replace("alarms", "others"),
        amazon.SUBSCRIBE_URL.replace("ConfirmSubscription", "DeleteTopic"),
        f"{amazon.SUBSCRIBE_URL}&Action=DeleteTopic",
        f"{amazon.SUBSCRIBE_URL}#",
        "",
    ],
)
def test_nothing_but_the_confirmation_of_this_topic_is_called(url: str) -> None:
    with pytest.raises(Unreadable, match="SubscribeURL"):
        assert read_message(request(amazon.confirmation(SubscribeURL=url))).confirmation_url


def test_a_message_without_its_envelope_is_refused_with_what_to_do() -> None:
    raw: dict[str, Any] = {"AlarmName": "checkout-errors", "NewStateValue": "ALARM"}
    with pytest.raises(Unreadable, match="raw message delivery is on"):
        read_message(request(raw, x_amz_sns_rawdelivery="true"))
    with pytest.raises(Unreadable, match="Type"):
        read_message(Request(headers={}, body=json.dumps(raw).encode()))
