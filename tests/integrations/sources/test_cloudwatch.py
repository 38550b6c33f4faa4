from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from engine.core.errors import Unauthorized, Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.ports import Parsed, Request
from integrations.sources.cloudwatch import CloudWatch, Settings
from tests.integrations.sources import amazon
from tests.integrations.sources.bodies import NOW, assert_fit_for_use, request

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:Disk full/db"
ALARM: dict[str, Any] = {
    "AlarmName": "Disk full/db",
    "AlarmArn": ARN,
    "AlarmDescription": "Less than 5% is free.",
    "AWSAccountId": "123456789012",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed",
    "OldStateValue": "OK",
    "Region": "EU (Ireland)",
    "StateChangeTime": "2026-11-20T11:58:30.123+0000",
    "Trigger": {
        "MetricName": "FreeStorageSpace",
        "Namespace": "AWS/RDS",
        "Dimensions": [{"name": "DBInstanceIdentifier", "value": "shop-db"}],
    },
}


def parse(text: str | dict[str, Any], *, settings: Settings | None = None, **fields: str) -> Parsed:
    return CloudWatch().parse(settings or Settings(), request(amazon.message(text, **fields)), NOW)


def one(text: str | dict[str, Any], *, settings: Settings | None = None, **fields: str) -> Alert:
    (alert,) = parse(text, settings=settings, **fields).alerts
    assert_fit_for_use(alert)
    return alert


def test_an_alarm_is_read() -> None:
    assert one(ALARM) == Alert(
        fingerprint=ARN,
        status=AlertStatus.FIRING,
        title="Disk full/db",
        summary="Less than 5% is free.\n\nThreshold Crossed",
        labels={
            "alertname": "Disk full/db",
            "severity": "critical",
            "account": "123456789012",
            "region": "eu-west-1",
            "namespace": "AWS/RDS",
            "metric": "FreeStorageSpace",
            "DBInstanceIdentifier": "shop-db",
        },
        annotations={"state_before": "OK"},
        links=(
            Link(
                title="CloudWatch",
                url="https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
                "#alarmsV2:alarm/Disk%20full%2Fdb",
            ),
        ),
        starts_at=datetime(2026, 11, 20, 11, 58, 30, 123000, tzinfo=UTC),
    )


def test_ok_ends_it() -> None:
    over = one(ALARM | {"NewStateValue": "OK", "OldStateValue": "ALARM"})
    assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, ARN)
    assert (over.starts_at, over.ends_at) == (None, datetime(2026, 11, 20, 11, 58, 30, 123000, tzinfo=UTC))


@pytest.mark.parametrize(("given", "severity"), [("critical", "warning"), ("warning", "warning"), ("info", "info")])
def test_insufficient_data_is_the_same_alarm_and_no_more_than_a_warning(given: str, severity: str) -> None:
    settings = Settings.model_validate({"severity": given})
    blind = one(ALARM | {"NewStateValue": "INSUFFICIENT_DATA"}, settings=settings)
    assert (blind.status, blind.fingerprint) == (AlertStatus.FIRING, ARN)
    assert blind.labels["severity"] == severity
    assert blind.title == "Disk full/db: insufficient data"


def test_the_severity_is_the_integrations() -> None:
    assert one(ALARM, settings=Settings(severity="warning")).labels["severity"] == "warning"


@pytest.mark.parametrize(
    ("dimensions", "service"),
    [
        ([("ClusterName", "prod"), ("ServiceName", "checkout")], "checkout"),
        ([("service", "checkout"), ("Application", "shop")], "checkout"),
        ([("app.kubernetes.io/name", "checkout")], "checkout"),
        ([("InstanceId", "i-0")], None),
    ],
)
def test_the_service_is_the_dimension_that_names_one(dimensions: list[tuple[str, str]], service: str | None) -> None:
    trigger = {"Dimensions": [{"value": value, "name": name} for name, value in dimensions]}
    alert = one(ALARM | {"Trigger": trigger})
    assert alert.service == service
    assert dict(dimensions).items() <= alert.labels.items()


def test_a_metric_math_alarm_has_the_dimensions_of_its_metrics() -> None:
    metrics = [
        {"Expression": "m1/m2", "Id": "e1", "ReturnData": True},
        {"Id": "m1", "MetricStat": {"Metric": metric("Errors", "shop")}},
        {"Id": "m2", "MetricStat": {"Metric": metric("Requests", "other")}},
    ]
    labels = one(ALARM | {"Trigger": {"Metrics": metrics}}).labels
    assert (labels["metric"], labels["namespace"], labels["ServiceName"]) == ("Errors", "Shop", "shop")


def metric(name: str, service: str) -> dict[str, Any]:
    return {"MetricName": name, "Namespace": "Shop", "Dimensions": [{"name": "ServiceName", "value": service}]}


def test_a_composite_alarm_has_no_metric() -> None:
    composite = {name: value for name, value in ALARM.items() if name != "Trigger"} | {"AlarmRule": "ALARM(a)"}
    assert set(one(composite).labels) == {"alertname", "severity", "account", "region"}


@pytest.mark.parametrize(
    ("arn", "console"),
    [
        (
            "arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:x",
            "https://cn-north-1.console.amazonaws.cn/cloudwatch/",
        ),
        ("arn:aws-us-gov:cloudwatch:us-gov-west-1:1:alarm:x", "https://us-gov-west-1.console.amazonaws-us-gov.com/cl"),
        (None, "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#"),
        ("arn:aws:cloudwatch:evil.example/:1:alarm:x", "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?re"),
    ],
)
def test_the_link_leads_into_the_console_of_the_alarms_partition(arn: str | None, console: str) -> None:
    (link,) = one(ALARM | {"AlarmArn": arn}).links
    assert link.url.startswith(console)


def test_alarms_of_two_regions_without_an_arn_are_two_problems() -> None:
    bare = {"AlarmName": "x", "NewStateValue": "ALARM"}
    elsewhere = one(bare, TopicArn="arn:aws:sns:us-east-1:123456789012:alarms")
    assert one(bare).fingerprint != elsewhere.fingerprint


def test_long_names_stay_apart() -> None:
    names = ["x" * 254 + last for last in "ab"]
    assert len({one(ALARM | {"AlarmArn": f"{ARN}{name}"}).fingerprint for name in names}) == 2


OLD = (NOW - timedelta(hours=1, seconds=1)).isoformat()


def test_a_late_alarm_pages_and_a_late_all_clear_ends_nothing() -> None:
    assert one(ALARM, Timestamp=OLD).status is AlertStatus.FIRING
    late = parse(ALARM | {"NewStateValue": "OK"}, Timestamp=OLD)
    assert late == Parsed(alerts=(), note="sent more than an hour ago, so it ends nothing: Disk full/db")
    undated = parse(ALARM | {"NewStateValue": "OK"}, Timestamp="yesterday")
    assert undated.alerts == ()


def test_whatever_else_is_published_is_an_alert_under_its_subject() -> None:
    alert = one("The nightly backup of shop-db\nhas failed.", Subject="Backup failed")
    assert (alert.title, alert.summary) == ("Backup failed", "The nightly backup of shop-db\nhas failed.")
    assert alert.labels == {"severity": "critical", "topic": "alarms"}
    assert alert.starts_at == datetime(2026, 11, 20, 11, 59, tzinfo=UTC)
    assert alert.fingerprint == one("Another night.", Subject="Backup failed").fingerprint
    elsewhere = one("Backup", Subject="Backup failed", TopicArn=amazon.TOPIC.replace("alarms", "others"))
    assert alert.fingerprint != elsewhere.fingerprint


@pytest.mark.parametrize(
    ("text", "title"),
    [("Disk full\non db-1", "Disk full"), ("  \n", "alarms"), ("[1, 2]", "[1, 2]"), ("42", "42"), ("{}", "{}")],
)
def test_without_a_subject_the_first_line_is_the_title(text: str, title: str) -> None:
    assert one(text).title == title


def test_an_object_is_read_as_the_generic_source_reads_it() -> None:
    published = {"title": "Disk full", "service": "db", "severity": "warning", "status": "firing", "host": "db-1"}
    alert = one(published, Subject="From the backup job")
    assert (alert.title, alert.service) == ("Disk full", "db")
    assert alert.labels["severity"] == "warning"
    assert alert.labels["host"] == "db-1"
    over = one(published | {"status": "resolved"}, Subject="From the backup job")
    assert (over.status, over.fingerprint) == (AlertStatus.RESOLVED, alert.fingerprint)


@pytest.mark.parametrize("said", ["high", "CRITICAL", 1, None])
def test_a_severity_in_other_words_is_the_integrations(said: object) -> None:
    published = {"title": "Disk full", "severity": said}
    assert one(published, settings=Settings(severity="info")).labels["severity"] == "info"


def test_an_event_of_eventbridge_is_named_by_its_kind() -> None:
    event = {"version": "0", "detail-type": "AWS Health Event", "source": "aws.health", "detail": {"service": "EC2"}}
    alert = one(event)
    assert (alert.title, alert.labels["source"]) == ("AWS Health Event", "aws.health")
    assert json.loads(alert.summary) == event


def test_a_subscription_is_confirmed_at_the_address_that_it_names() -> None:
    parsed = CloudWatch().parse(Settings(), request(amazon.confirmation()), NOW)
    assert parsed == Parsed(alerts=(), note="the subscription to alarms is confirmed", confirm=amazon.SUBSCRIBE_URL)


def test_the_end_of_a_subscription_is_a_warning() -> None:
    (alert,) = CloudWatch().parse(Settings(), request(amazon.confirmation("UnsubscribeConfirmation")), NOW).alerts
    assert_fit_for_use(alert)
    assert (alert.title, alert.labels["severity"]) == ("SNS has stopped delivering alarms", "warning")


def test_another_type_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"\$.Type: 'Bounce' is not a type of SNS"):
        parse("x", Type="Bounce")


def verify(fields: dict[str, Any], **settings: object) -> None:
    source, body = CloudWatch(), request(fields)
    read = Settings.model_validate(settings)
    address = source.document(read, body)
    assert address == amazon.CERTIFICATE_URL
    documents = {address: amazon.certificate()}
    source.verify(read, Request(headers=body.headers, body=body.body, documents=documents), NOW)


def test_only_the_topics_that_are_named_may_deliver() -> None:
    verify(amazon.signed(amazon.message(ALARM)))
    verify(amazon.signed(amazon.message(ALARM)), topics=[amazon.TOPIC])
    with pytest.raises(Unauthorized, match="none of the `topics`"):
        verify(amazon.signed(amazon.message(ALARM)), topics=["arn:aws:sns:eu-west-1:210987654321:alarms"])
    with pytest.raises(Unauthorized, match="none of the `topics`"):
        verify(amazon.signed(amazon.confirmation()), topics=["arn:aws:sns:eu-west-1:210987654321:alarms"])


@pytest.mark.parametrize("topic", ["alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms", f" {amazon.TOPIC}"])
def test_a_topic_is_named_by_its_arn(topic: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        Settings.model_validate({"topics": [topic]})
