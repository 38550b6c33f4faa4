"""Amazon CloudWatch alarms, and whatever else is published to an SNS topic.

docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, get_args
from urllib.parse import quote

import msgspec
from pydantic import BaseModel, Field, StringConstraints

from engine.core.classify import read_values
from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.core.policy import Model
from engine.ports import Parsed, Request
from integrations.sources import generic, sns
from integrations.sources.reading import (
    ANNOTATION,
    FINGERPRINT,
    LABEL,
    NAME,
    SUMMARY,
    TITLE,
    URL,
    decode,
    digest,
    identity,
    items,
    line,
    links,
    members,
    paragraphs,
    read_each,
    tagged_service,
    text,
    texts,
)
from integrations.sources.severity import GivenSeverity, Severity
from integrations.sources.sns import Message, certificate_url, check_message, read_message
from integrations.sources.times import read_time

JSON = msgspec.json.Decoder()
GENERIC = generic.Reader(generic.Settings())

STALE = timedelta(hours=1)
"""SNS gives an HTTPS endpoint up after at most 3,600 seconds of retries
(docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html): what is older is not from a retry."""

ARN_REGION = re.compile(r"arn:[a-z-]+:cloudwatch:([a-z0-9-]{1,40}):")
INSUFFICIENT = "INSUFFICIENT_DATA"
CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://{region}.console.amazonaws.cn",
    "aws-us-gov": "https://{region}.console.amazonaws-us-gov.com",
}


class Settings(Model):
    """Every message is checked against SNS's signature. Without `topics` any topic may deliver here."""

    topics: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+$")], ...],
        Field(description="the ARNs of those that may deliver here"),
    ] = ()
    severity: GivenSeverity = "critical"


class CloudWatch:
    name = "cloudwatch"
    title = "Amazon CloudWatch"
    settings: type[BaseModel] = Settings
    example = rb"""{
  "Type": "Notification",
  "MessageId": "b83e7f0a-5d0e-5a71-9c47-d00000000001",
  "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
  "Subject": "ALARM: \"checkout-errors\" in EU (Ireland)",
  "Message": "{\"AlarmName\":\"checkout-errors\",\"AlarmDescription\":\"More than 5% of the checkouts fail.\",\"AWSAccountId\":\"123456789012\",\"AlarmConfigurationUpdatedTimestamp\":\"2026-11-01T08:00:00.000+0000\",\"NewStateValue\":\"ALARM\",\"NewStateReason\":\"Threshold Crossed: 1 out of the last 1 datapoints [12.0 (20/11/26 03:09:00)] was greater than the threshold (5.0).\",\"StateChangeTime\":\"2026-11-20T03:10:00.123+0000\",\"Region\":\"EU (Ireland)\",\"AlarmArn\":\"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:checkout-errors\",\"OldStateValue\":\"OK\",\"Trigger\":{\"MetricName\":\"5xxErrorRate\",\"Namespace\":\"Shop\",\"StatisticType\":\"Statistic\",\"Statistic\":\"AVERAGE\",\"Unit\":null,\"Dimensions\":[{\"value\":\"checkout\",\"name\":\"ServiceName\"}],\"Period\":60,\"EvaluationPeriods\":1,\"ComparisonOperator\":\"GreaterThanThreshold\",\"Threshold\":5.0,\"TreatMissingData\":\"missing\"}}",
  "Timestamp": "2026-11-20T03:10:00.200Z",
  "SignatureVersion": "2",
  "Signature": "RVhBTVBMRQ==",
  "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
  "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:eu-west-1:123456789012:alarms:4d3c2b1a"
}"""  # noqa: E501 - SNS carries the alarm as one text
    example_resolved = (
        example.replace(rb"\"NewStateValue\":\"ALARM\"", rb"\"NewStateValue\":\"OK\"")
        .replace(b"2026-11-20T03:10:00", b"2026-11-20T11:50:00")
        .replace(b'"ALARM: ', b'"OK: ')
    )
    example_headers: Mapping[str, str] = {"x-amz-sns-message-type": sns.NOTIFICATION}

    def document(self, settings: Settings, request: Request) -> str:
        del settings
        return certificate_url(read_message(request))

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        message = read_message(request)
        check_message(message, request.documents.get(certificate_url(message)), now)
        if settings.topics and message.topic_arn not in settings.topics:
            raise Unauthorized("the message's topic is none of the `topics` that may deliver to this integration")

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        message = read_message(request)
        match message.type:
            case sns.NOTIFICATION:
                read = read_each([message], lambda one: _read(one, settings.severity), lambda _: "$.Message")
                return _timely(read, message, now)
            case sns.SUBSCRIBED:
                note = f"the subscription to {message.topic} is confirmed"
                return Parsed(alerts=(), note=line(note, SUMMARY), confirm=message.confirmation_url)
            case sns.UNSUBSCRIBED:
                return Parsed(alerts=(_unsubscribed(message),))
        known = f"{sns.NOTIFICATION}, {sns.SUBSCRIBED} and {sns.UNSUBSCRIBED}"
        raise Unreadable("$.Type", f"{message.type!r:.40} is not a type of SNS; {known} are")


def _timely(read: Parsed, message: Message, now: datetime) -> Parsed:
    """A late or repeated alarm pages, whatever its age: one page too many is better than one lost. Only what ends an
    alarm has to be of the last hour, for a message that was recorded once must not silence the next alarm."""
    sent_at = read_time(message.timestamp)
    if read.alerts[0].status is AlertStatus.FIRING or (sent_at is not None and now - sent_at <= STALE):
        return read
    return Parsed(alerts=(), note=f"sent more than an hour ago, so it ends nothing: {read.alerts[0].title}")


def _read(message: Message, severity: Severity) -> Alert:
    try:
        said = members(decode(JSON, message.message.encode("utf-8", "replace")))
    except Unreadable:  # no JSON: a person or a program has written a text
        said = {}
    if said.get("AlarmName") and "NewStateValue" in said:
        return Alarm(said, message).read(severity)
    return _published(said, message, severity)


class Alarm:
    """A state change of a metric alarm or of a composite one."""

    def __init__(self, said: Mapping[str, Any], message: Message) -> None:
        self.said = said
        self.name = line(said["AlarmName"], TITLE) or message.topic
        self.arn = text(said.get("AlarmArn"), URL)
        self.region = _region(self.arn) or message.region
        self.account = text(said.get("AWSAccountId"), NAME)
        self.sent_at = read_time(message.timestamp)

    def read(self, severity: Severity) -> Alert:
        state = self.said["NewStateValue"]
        status = AlertStatus.RESOLVED if state == "OK" else AlertStatus.FIRING
        blind = state == INSUFFICIENT
        labels = self._labels("warning" if blind and severity == "critical" else severity)
        changed = read_time(self.said.get("StateChangeTime")) or self.sent_at
        return Alert(
            fingerprint=identity(self.arn, FINGERPRINT) or digest([self.account, self.region, self.name]),
            status=status,
            title=line(f"{self.name}: insufficient data" if blind else self.name, TITLE),
            summary=paragraphs(self.said.get("AlarmDescription"), self.said.get("NewStateReason")),
            service=tagged_service(labels),
            labels=labels,
            annotations=texts({"state_before": self.said.get("OldStateValue")}, ANNOTATION),
            values=read_values(labels, {}),
            links=self._links(),
            starts_at=None if status is AlertStatus.RESOLVED else changed,
            ends_at=changed if status is AlertStatus.RESOLVED else None,
        )

    def _labels(self, severity: str) -> dict[str, str]:
        metrics = [*_metrics(members(self.said.get("Trigger")))]
        dimensions = [members(one) for metric in metrics for one in items(metric.get("Dimensions"))]
        named = {line(one.get("name"), NAME): one.get("value") for one in reversed(dimensions)}
        measured = next((metric for metric in metrics if metric.get("MetricName")), {})
        own = {
            "alertname": self.name,
            "severity": severity,
            "account": self.account,
            "region": self.region,
            "namespace": measured.get("Namespace"),
            "metric": measured.get("MetricName"),
        }
        return texts(named | own, LABEL)

    def _links(self) -> tuple[Link, ...]:
        partition = self.arn.split(":")[1] if self.arn.count(":") > 1 else "aws"
        console = CONSOLES.get(partition)
        if console is None or not self.region:
            return ()
        place = f"/cloudwatch/home?region={self.region}#alarmsV2:alarm/{quote(self.name, safe='')}"
        return links([("CloudWatch", console.format(region=self.region) + place)])


def _region(arn: str) -> str:
    """The fourth part: arn:aws:cloudwatch:REGION:…"""
    found = ARN_REGION.match(arn)
    return found[1] if found else ""


def _metrics(trigger: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The metric itself, or those that a metric math expression is made of. A composite alarm has none."""
    yield trigger
    for one in items(trigger.get("Metrics")):
        yield members(members(members(one).get("MetricStat")).get("Metric"))


def _published(said: Mapping[str, Any], message: Message, severity: Severity) -> Alert:
    """What a program has published is read as the generic source would; a text is its own title. What names no
    severity of ours has the one that is set."""
    subject = message.subject or said.get("subject") or said.get("detail-type")
    if not said:
        said = {"message": message.message}
        subject = subject or message.message.strip().partition("\n")[0]
    read = GENERIC.read({**said, "subject": line(subject, TITLE) or message.topic})
    named = read.labels.get("severity")
    own = {"severity": named if named in get_args(Severity) else severity, "topic": message.topic}
    return replace(
        read,
        fingerprint=identity(f"{message.topic_arn}/{read.fingerprint}", FINGERPRINT),
        summary=read.summary or ("" if read.title == message.message else text(message.message, SUMMARY)),
        labels=texts({**read.labels, **own}, LABEL),
        starts_at=read.starts_at or read_time(message.timestamp),
    )


def _unsubscribed(message: Message) -> Alert:
    return Alert(
        fingerprint=identity(f"{message.topic_arn}/unsubscribed", FINGERPRINT),
        status=AlertStatus.FIRING,
        title=line(f"SNS has stopped delivering {message.topic}", TITLE),
        summary=text(
            f"The subscription to {message.topic_arn} was cancelled. Subscribe again, or resolve this if it was meant.",
            SUMMARY,
        ),
        labels=texts({"alertname": "SNSUnsubscribed", "severity": "warning", "topic": message.topic}, LABEL),
        starts_at=read_time(message.timestamp),
    )
