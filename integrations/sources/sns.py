"""Messages of Amazon SNS: what they are made of, and the proof that SNS has sent them.

docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_pem_x509_certificate

from engine.core.errors import Unauthorized, Unreadable
from engine.ports import Request
from integrations.sources.reading import decode, tidy

HASHES: Mapping[str, HashAlgorithm] = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - what a topic signs with unless told otherwise

TOPIC = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sns:(?P<region>[a-z]{2,3}(?:-[a-z]+)+-\d{1,2}):(?P<account>\d{12}):\S+"
)
"""The region is spelt out, for `sns.s3-us-west-2.amazonaws.com` is somebody's bucket."""

HOST = r"https://sns\.(?P<region>[a-z]{2,3}(?:-[a-z]+)+-\d{1,2})\.amazonaws\.com(?:\.cn)?"
CERTIFICATE_URL = re.compile(HOST + r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
CONFIRMATION_URL = re.compile(
    HOST + r"/\?Action=ConfirmSubscription&TopicArn=(?P<topic>[^&\s#]+)&Token=[0-9A-Za-z]{1,1024}"
)

NOTIFICATION = "Notification"
SUBSCRIBED = "SubscriptionConfirmation"
UNSUBSCRIBED = "UnsubscribeConfirmation"


class Message(msgspec.Struct, frozen=True, rename="pascal"):
    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    subject: str | None = None
    token: str | None = None
    signature: str = ""
    signature_version: str = ""
    signing_cert_url: str = msgspec.field(name="SigningCertURL", default="")
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)

    @property
    def signed(self) -> bytes:
        """What the signature is made of."""
        parts = {"Message": self.message, "MessageId": self.message_id}
        if self.type == NOTIFICATION:
            parts |= {"Subject": self.subject} if self.subject is not None else {}
            parts |= {"Timestamp": self.timestamp, "TopicArn": self.topic_arn, "Type": self.type}
        else:
            parts |= {"SubscribeURL": self.subscribe_url or "", "Timestamp": self.timestamp, "Token": self.token or ""}
            parts |= {"TopicArn": self.topic_arn, "Type": self.type}
        return "".join(f"{name}\n{value}\n" for name, value in parts.items()).encode("utf-8", "replace")

    @property
    def region(self) -> str:
        found = TOPIC.fullmatch(self.topic_arn)
        return found["region"] if found else ""

    @property
    def topic(self) -> str:
        """The topic's own name."""
        return self.topic_arn.rpartition(":")[2]

    @property
    def confirmation_url(self) -> str:
        """The address at which SNS takes the confirmation of a subscription to this very topic. Raises Unreadable."""
        found = CONFIRMATION_URL.fullmatch(self.subscribe_url or "")
        if found is None or (found["topic"], found["region"]) != (self.topic_arn, self.region):
            raise Unreadable("$.SubscribeURL", "not the address at which SNS confirms a subscription to this topic")
        return found[0]


MESSAGE = msgspec.json.Decoder(Message)


def read_message(request: Request) -> Message:
    """Raises Unreadable, with what to do where the body is what SNS delivers without its envelope."""
    if request.headers.get("x-amz-sns-rawdelivery") == "true":
        raise Unreadable("$", "raw message delivery is on, so nothing is signed; turn it off for this subscription")
    return decode(MESSAGE, tidy(request.body))


def certificate_url(message: Message) -> str:
    """Raises Unauthorized for an address that is not SNS's own, in the region of the topic."""
    found = CERTIFICATE_URL.fullmatch(message.signing_cert_url)
    if found is None or found["region"] != message.region:
        raise Unauthorized(
            "SigningCertURL is not an address at which SNS keeps its certificates for this topic's region"
        )
    return found[0]


def check_message(message: Message, certificate: bytes | None, now: datetime) -> None:
    """Raises Unauthorized unless the message is signed with the certificate's key.

    That the certificate is Amazon's follows from where it was fetched, over TLS; its own chain would add nothing.
    """
    if certificate is None:
        raise Unauthorized("the certificate that the message is signed with is missing")
    key, algorithm = _key(certificate, now), HASHES.get(message.signature_version)
    if algorithm is None:
        raise Unauthorized(f"SignatureVersion {message.signature_version:.20} is unknown; 1 and 2 are checked")
    try:
        key.verify(b64decode(message.signature, validate=True), message.signed, PKCS1v15(), algorithm)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Unauthorized("the message is not signed with the key of the certificate that it names") from error


def _key(certificate: bytes, now: datetime) -> RSAPublicKey:
    try:
        read = load_pem_x509_certificate(certificate)
        key = read.public_key()
    except ValueError as error:
        raise Unauthorized("what SigningCertURL names is no certificate") from error
    if not isinstance(key, RSAPublicKey):
        raise Unauthorized("the certificate that the message names holds no RSA key")
    if not read.not_valid_before_utc <= now <= read.not_valid_after_utc:
        raise Unauthorized("the certificate that the message is signed with is not valid at this time")
    return key
