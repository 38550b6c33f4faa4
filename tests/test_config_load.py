from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from engine.config.load import load
from engine.config.registry import Registry
from engine.core.errors import ConfigError, Finding
from engine.core.policy import Config, SecretRef
from engine.core.spans import Span

FILE = "tocsin.yaml"
BASE = """\
contacts:
  ann:
    name: Ann Example
    reach: {slack: U1, email: ann@example.com}
  bob:
    name: Bob Example
    reach: {email: bob@example.com}
  eve:
    name: Eve Example
    reach: {phone: "+15550100"}
levels:
  first:
    number: 1
    title: First
    primary: ann
    secondary: bob
    reached_by: [slack, email]
  second:
    number: 2
    title: Second
    primary: eve
    reached_by: [phone]
policies:
  standard:
    P0: &ladder
      respond_within: 5m
      steps:
        - {level: first, until: acknowledged}
        - {level: second, after: 30m}
    P1: *ladder
    P2:
      respond_within: 1h
      steps:
        - level: first
    P3:
      respond_within: next_business_day
      hours: business
      steps:
        - level: first
services:
  web: {title: Web, playbook: restart}
integrations:
  prom:
    source: metrics
    key: s3cr3t-prom-key
    token: s3cr3t-token
    service: web
  other:
    source: metrics
    key: {env: OTHER_KEY}
    token: {env: OTHER_TOKEN}
channels:
  slack: {kind: chat}
  email: {kind: chat}
  phone: {kind: gateway, url: https://voice.example.com, secret: s3cr3t-gateway, timeout: 5s}
cards:
  - {channel: slack, address: "#incidents"}
queue:
  - {channel: email, address: queue@example.com}
routes:
  - name: web
    match: ['team="web"']
    service: web
  - name: rest
    service: web
classification:
  levels:
    critical:
      severities: [critical]
      thresholds: [{value: cpu_percent, above: 80}]
  rules:
    - {name: loud, words: [loud], priority: P0, reason: it is loud}
    - {name: any, priority: P3, reason: it is something}
playbooks:
  attach:
    - {playbook: restart, priority: P0}
default_service: web
"""


class Metrics(BaseModel):
    token: SecretStr | SecretRef
    window: Annotated[int, Field(ge=1)] = 5


class Chat(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Gateway(BaseModel):
    url: str
    secret: SecretStr | SecretRef
    timeout: Annotated[Span, Field(gt=timedelta(), le=timedelta(minutes=1))] = timedelta(seconds=10)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class Ping(BaseModel):
    secret: SecretStr


REGISTRY = Registry(
    sources={"metrics": Metrics, "loose": Loose},
    channels={"chat": Chat, "gateway": Gateway},
    probes={"ping": Ping},
    playbooks=frozenset({"restart"}),
)


def findings(text: str, registry: Registry = REGISTRY) -> tuple[Finding, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, FILE, registry)
    assert "s3cr3t" not in str(caught.value)
    return caught.value.findings


def changed(old: str, new: str) -> str:
    assert BASE.count(old) == 1, f"{old!r} stands {BASE.count(old)} times in the base"
    return BASE.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_sound_file_becomes_a_configuration() -> None:
    config = load(BASE, FILE, REGISTRY)
    assert isinstance(config, Config)
    assert config.policies["standard"].P1.steps[1].after == timedelta(minutes=30)
    assert config.integrations["prom"].key == SecretStr("s3cr3t-prom-key")
    assert config.contacts["eve"].reach["phone"] == "+15550100"


# old text, new text, what stands on the faulty line, path, what is wrong, what would be right
Case = tuple[str, str, str, str, str, str]

SHAPE: list[Case] = [
    (
        "default_service",
        "defualt_service",
        "defualt",
        "defualt_service",
        "not known",
        "did you mean 'default_service'?",
    ),
    (
        "    title: First",
        "    title: First\n    titel: x",
        "titel",
        "levels.first.titel",
        "not known",
        "did you mean 'title'?",
    ),
    ("secondary: bob", "zzz: bob", "zzz", "levels.first.zzz", "not known", "known here: number, primary, reached_by"),
    (
        "{name: loud, words",
        "{name: loud, word",
        "loud, word:",
        "classification.rules[0].word",
        "not known",
        "mean 'words'?",
    ),
    ("    title: First\n", "", "first:", "levels.first.title", "missing", "add it"),
    (
        "    primary: eve\n",
        "",
        "second:",
        "levels.second.primary",
        "missing",
        "add it: The contact who is paged when the level's time comes",
    ),
    ("number: 1", "number: one", "number: one", "levels.first.number", "'one' is not a whole number", "whole number"),
    ("number: 1", "number: 0", "number: 0", "levels.first.number", "0 is too little", "write 1 or more"),
    ("number: 2", "number: 10", "number: 10", "levels.second.number", "10 is too much", "write 9 or less"),
    ("title: First", "title: 5", "title: 5", "levels.first.title", "5 is not text", "in quotes"),
    ("title: First", "title:", "title:\n", "levels.first.title", "nothing is given", "write text"),
    ("title: First", 'title: ""', 'title: ""', "levels.first.title", "empty", "write something"),
    ("title: Second", f"title: {'x' * 200}", "xxx", "levels.second.title", "too long", "no more than 120 characters"),
    (
        "[slack, email]",
        "slack",
        "reached_by: slack",
        "levels.first.reached_by",
        "'slack' is not a list",
        "write a list",
    ),
    ("[slack, email]", "[]", "reached_by: []", "levels.first.reached_by", "empty", "at least 1"),
    (
        "{email: bob@example.com}",
        "bob",
        "reach: bob",
        "contacts.bob.reach",
        "'bob' is not a mapping",
        "names to values",
    ),
    (
        "{email: bob@",
        "{Email: bob@",
        "Email",
        "contacts.bob.reach.Email",
        "'Email' is not a name",
        "lower-case letters",
    ),
    (
        "  bob:",
        "  B. Ob: {name: B, reach: {email: b@example.com}}\n  bob:",
        "B. Ob",
        "contacts['B. Ob']",
        "'B. Ob' is not a name",
        "lower-case letters",
    ),
    ('"+15550100"', "15550100", "15550100", "contacts.eve.reach.phone", "15550100 is not text", "in quotes"),
    ('"+15550100"', '""', 'phone: ""', "contacts.eve.reach.phone", "empty", "write something"),
    (
        "P2:\n      respond_within: 1h",
        "P2:\n      respond_within: 60",
        "within: 60",
        "policies.standard.P2.respond_within",
        "60 is not a span of time",
        "write it like 90s, 15m, 1h30m or 2d, or write 'next_business_day'",
    ),
    (
        "respond_within: 1h",
        "respond_within: 0m",
        "within: 0m",
        "policies.standard.P2.respond_within",
        "a span of nothing",
        "90s",
    ),
    (
        "hours: business",
        "lease: an hour",
        "an hour",
        "policies.standard.P3.lease",
        "'an hour' is not a span",
        "1h30m",
    ),
    (
        "hours: business",
        "hours: office",
        "office",
        "policies.standard.P3.hours",
        "'office' is not known here",
        "write 'always' or 'business'",
    ),
    (
        "priority: P3, reason",
        "priority: P4, reason",
        "P4",
        "classification.rules[1].priority",
        "'P4' is not known here",
        "'P0', 'P1', 'P2' or 'P3'",
    ),
    ("    critical:", "    crticial:", "crticial", "classification.levels.crticial", "not known here", "'critical'"),
    (
        "above: 80",
        "above: hot",
        "hot",
        "classification.levels.critical.thresholds[0].above",
        "not a number",
        "a number",
    ),
    (
        ", above: 80",
        "",
        "cpu_percent",
        "classification.levels.critical.thresholds[0]",
        "never crossed",
        "give `above` or `below`",
    ),
    (
        "'team=\"web\"'",
        "team web",
        "team web",
        "routes[0].match[0]",
        "'team web' is not a matcher",
        'severity="critical"',
    ),
    ("'team=\"web\"'", "'team=~\"(\"'", "team=~", "routes[0].match[0]", "faulty regular expression", "see the schema"),
    (
        "key: {env: OTHER_KEY}",
        "key: {evn: OTHER_KEY}",
        "evn",
        "integrations.other.key.evn",
        "not known",
        "did you mean 'env'?",
    ),
    ("key: {env: OTHER_KEY}", "key: {}", "key: {}", "integrations.other.key", "exactly one place", "`env` or `file`"),
    (
        "key: {env: OTHER_KEY}",
        "key: [1]",
        "key: [1]",
        "integrations.other.key",
        "a list is not text",
        "or write a mapping",
    ),
]


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), SHAPE)
def test_a_wrong_shape_is_found_where_it_stands_with_what_would_be_right(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed(old, new)
    [finding] = findings(text)
    assert (finding.file, finding.line, finding.path) == (FILE, line_of(text, mark), path)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


DANGLING: list[Case] = [
    ("primary: ann", "primary: anne", "anne\n", "levels.first.primary", "no contact 'anne'", "did you mean 'ann'?"),
    ("secondary: bob", "secondary: kim", "kim", "levels.first.secondary", "no contact 'kim'", "known here: ann, bob"),
    ("[slack, email]", "[slack, emial, email]", "emial", "levels.first.reached_by[1]", "no channel", "mean 'email'?"),
    ("{slack: U1,", "{slakc: U1,", "slakc", "contacts.ann.reach.slakc", "no channel 'slakc'", "mean 'slack'?"),
    (
        "  - level: first\n    P3",
        "  - level: frist\n    P3",
        "frist",
        "policies.standard.P2.steps[0].level",
        "no level",
        "'first'",
    ),
    ("{title: Web,", "{title: Web, policy: gold,", "gold", "services.web.policy", "no policy 'gold'", "standard"),
    (
        "playbook: restart}\n",
        "playbook: reboot}\n",
        "reboot",
        "services.web.playbook",
        "no playbook 'reboot'",
        "restart",
    ),
    (
        "- {playbook: restart",
        "- {playbook: x",
        "- {playbook: x",
        "playbooks.attach[0].playbook",
        "no playbook",
        "restart",
    ),
    (
        "    service: web\n  - name",
        "    service: wbe\n  - name",
        "wbe",
        "routes[0].service",
        "no service 'wbe'",
        "'web'",
    ),
    (
        "token\n    service: web",
        "token\n    service: x",
        "service: x",
        "integrations.prom.service",
        "no service",
        "web",
    ),
    (
        "prom:\n    source: metrics",
        "prom:\n    source: metric",
        "metric\n",
        "integrations.prom.source",
        "no source",
        "'metrics'",
    ),
    (
        "email: {kind: chat}",
        "email: {kind: chta}",
        "chta",
        "channels.email.kind",
        "no kind of channel 'chta'",
        "'chat'",
    ),
    ("- {channel: slack,", "- {channel: slck,", "slck", "cards[0].channel", "no channel 'slck'", "'slack'"),
    ("- {channel: email,", "- {channel: mail,", "mail,", "queue[0].channel", "no channel 'mail'", "'email'"),
    ("default_service: web", "default_service: wep", "wep", "default_service", "no service 'wep'", "'web'"),
    ("default_service: web", "default_policy: gold", "gold", "default_policy", "no policy 'gold'", "standard"),
]


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), DANGLING)
def test_a_name_that_refers_to_nothing_is_found(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed(old, new)
    [finding] = findings(text)
    assert (finding.line, finding.path) == (line_of(text, mark), path)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


LADDERS: list[Case] = [
    (
        "{level: second, after: 30m}",
        "{level: first, after: 30m}",
        "after: 30m",
        "policies.standard.P0.steps[1].level",
        "level 1 was paged by the step before, so this one is never reached",
        "higher number",
    ),
    (
        "- {level: first, until: acknowledged}\n        - {level: second, after: 30m}",
        "- {level: second}\n        - {level: first, after: 30m}",
        "after: 30m",
        "policies.standard.P0.steps[1].level",
        "level 1 comes after level 2",
        "order of their levels' numbers",
    ),
    (
        "{level: second, after: 30m}",
        "{level: second}",
        "level: second}",
        "policies.standard.P0.steps[1].after",
        "0s is not later than the step before it (0s)",
        "time to answer",
    ),
    (
        "{level: first, until: acknowledged}",
        "{level: first, after: 5m}",
        "after: 5m",
        "policies.standard.P0.steps[0].after",
        "its own time never comes",
        "earlier than 5m",
    ),
    (
        "{level: first, until: acknowledged}",
        "{level: first, until: resolved}",
        "until: resolved",
        "policies.standard.P0.steps[0].until",
        "always ends with the acknowledgement",
        "until: acknowledged",
    ),
    (
        "        - level: first\nservices",
        "        - level: first\n        - {level: second, after: 2h}\nservices",
        "after: 2h",
        "policies.standard.P3.steps[1]",
        "this step is never reached",
        "hours: always",
    ),
    (
        "queue:\n  - {channel: email, address: queue@example.com}\n",
        "",
        "hours: business",
        "policies.standard.P3.hours",
        "the queue is told, and there is none",
        "under `queue`",
    ),
    (
        "      respond_within: 1h\n      steps:\n        - level: first\n",
        "      respond_within: 1h\n",
        "P2:",
        "policies.standard.P2",
        "without a step nobody is asked",
        "add a step",
    ),
]


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), LADDERS)
def test_a_ladder_that_would_not_do_what_it_says_is_found(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed(old, new)
    found = [finding for finding in findings(text) if not finding.path.startswith("policies.standard.P1")]
    assert [(finding.line, finding.path) for finding in found] == [(line_of(text, mark), path)]
    assert wrong in found[0].wrong
    assert remedy in found[0].remedy


def test_a_business_step_with_a_response_time_of_its_own_is_reached() -> None:
    step = "        - {level: second, after: 2h, respond_within: 1h}\n"
    load(changed("- level: first\nservices", f"- level: first\n{step}services"), FILE, REGISTRY)


def test_the_first_level_may_be_paged_late_as_long_as_it_is_before_the_response() -> None:
    load(changed("{level: first, until: acknowledged}", "{level: first, after: 4m}"), FILE, REGISTRY)


PEOPLE: list[Case] = [
    (
        "{email: bob@example.com}",
        "{}",
        "reach: {}",
        "contacts.bob.reach",
        "nothing reaches Bob Example",
        "at least one channel",
    ),
    (
        "reached_by: [phone]",
        "reached_by: [slack]",
        "primary: eve",
        "levels.second.primary",
        "'eve' has an address on phone only, and this level is reached by slack",
        "contacts.eve.reach",
    ),
    (
        "[slack, email]",
        "[slack]",
        "secondary: bob",
        "levels.first.secondary",
        "'bob' has an address on email only, and this level is reached by slack",
        "contacts.bob.reach",
    ),
    (
        "secondary: bob",
        "secondary: ann",
        "secondary: ann",
        "levels.first.secondary",
        "is the primary too",
        "leave it out",
    ),
]


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), PEOPLE)
def test_a_person_whom_no_page_would_reach_is_found(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed(old, new)
    [finding] = findings(text)
    assert (finding.line, finding.path) == (line_of(text, mark), path)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


MODULES: list[Case] = [
    (
        "token: s3cr3t-token",
        "token: s3cr3t-token\n    tokne: s3cr3t",
        "tokne",
        "integrations.prom.tokne",
        "not known",
        "mean 'token'?",
    ),
    (
        "token: {env: OTHER_TOKEN}",
        "token: {env: T, file: /s3cr3t}",
        "file:",
        "integrations.other.token",
        "exactly one place",
        "`env` or `file`",
    ),
    (
        "token: {env: OTHER_TOKEN}",
        "token: x\n    window: 0",
        "window",
        "integrations.other.window",
        "the value is too little",
        "write 1 or more",
    ),
    (
        "slack: {kind: chat}",
        "slack: {kind: chat, url: x}",
        "url: x",
        "channels.slack.url",
        "not known",
        "known here: kind",
    ),
    (", secret: s3cr3t-gateway", "", "phone: {kind", "channels.phone.secret", "missing", "add it"),
    ("timeout: 5s", "timeout: 5", "timeout", "channels.phone.timeout", "the value is not a span of time", "90s"),
    ("timeout: 5s", "timeout: 2m", "timeout", "channels.phone.timeout", "the value is too much", "write 1m or less"),
    ("timeout: 5s", "timeout: 0s", "timeout", "channels.phone.timeout", "the value is too little", "more than 0s"),
    (
        "secret: s3cr3t-gateway",
        "secret: [s3cr3t-gateway]",
        "s3cr3t-gateway",
        "channels.phone.secret",
        "a list is not text",
        "write text",
    ),
    (
        "key: s3cr3t-prom-key",
        "key: s3cr3t",
        "key: s3cr3t\n",
        "integrations.prom.key",
        "too short",
        "8 characters or more",
    ),
    ("key: s3cr3t-prom-key", "key: s3cr3t/a?b", "s3cr3t/a", "integrations.prom.key", "go into an address", "letters"),
    (
        "key: {env: OTHER_KEY}",
        "key: s3cr3t-prom-key",
        "key: s3cr3t-prom-key\n    token: {env",
        "integrations.other.key",
        "the same as that of 'prom'",
        "its own",
    ),
    (
        "key: s3cr3t-prom-key",
        "key: {env: OTHER_KEY}",
        "key: {env: OTHER_KEY}\n    token: {env",
        "integrations.other.key",
        "the same as that of 'prom'",
        "its own",
    ),
]


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), MODULES)
def test_settings_of_integrations_and_channels_are_checked_and_never_shown(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed(old, new)
    [finding] = findings(text)
    assert (finding.line, finding.path) == (line_of(text, mark), path)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


BEATS: list[tuple[str, str, str, str]] = [
    ("every: 1h, service: wbe", "backup.service", "no service 'wbe'", "'web'"),
    ("every: 1h, key: s3cr3t-prom-key", "backup.key", "the same as that of 'prom'", "its own"),
    ("every: 1h, key: s3cr3t", "backup.key", "too short", "8 characters"),
    ("every: 0s", "backup.every", "no time at all", "15m"),
    ("grace: 1m", "backup.every", "missing", "add it"),
    ("every: 1h, alert: {source: metric, match: [a=b]}", "backup.alert.source", "no source 'metric'", "'metrics'"),
    (
        "every: 1h, alert: {source: metrics, integration: promm, match: [a=b]}",
        "backup.alert.integration",
        "no integration 'promm'",
        "'prom'",
    ),
]


@pytest.mark.parametrize(("entry", "path", "wrong", "remedy"), BEATS)
def test_a_heartbeat_is_checked_as_everything_else(entry: str, path: str, wrong: str, remedy: str) -> None:
    text = changed("cards:", f"heartbeats:\n  backup: {{{entry}}}\ncards:")
    [finding] = findings(text)
    assert finding.path == f"heartbeats.{path}"
    assert wrong in finding.wrong
    assert remedy in finding.remedy
    assert "s3cr3t" not in str(finding)


PING = "kind: ping, secret: s3cr3t-ping"
PROBES: list[tuple[str, str, str, str]] = [
    (f"{PING}, service: wbe", "shop.service", "no service 'wbe'", "'web'"),
    ("kind: pong, secret: s3cr3t-ping", "shop.kind", "no kind of probe 'pong'", "'ping'"),
    ("kind: ping", "shop.secret", "missing", "add it"),
    (f"{PING}, sercet: x", "shop.sercet", "not known", "'secret'"),
    (f"{PING}, every: 0s", "shop.every", "no time at all", "15m"),
    (f"{PING}, every: 5s, timeout: 6s", "shop", "longer than `every`", "no longer than that"),
    (f"{PING}, failures: 3 of 2", "shop.failures", "no share of the last runs", "2 of 3"),
    (f"{PING}, failures: 2 of 3, failing_for: 20s", "shop", "two ways", "one of them"),
    (f"{PING}, thresholds: [{{value: cpu_percent}}]", "shop.thresholds[0]", "never crossed", "`above` or `below`"),
]


@pytest.mark.parametrize(("entry", "path", "wrong", "remedy"), PROBES)
def test_a_probe_is_checked_by_its_kind_and_never_shown(entry: str, path: str, wrong: str, remedy: str) -> None:
    text = changed("cards:", f"probes:\n  shop: {{{entry}}}\ncards:")
    [finding] = findings(text)
    assert finding.path == f"probes.{path}"
    assert wrong in finding.wrong
    assert remedy in finding.remedy


def test_a_module_that_takes_any_key_is_given_any_key() -> None:
    text = changed("other:\n    source: metrics", "other:\n    source: loose\n    whatever: 1")
    assert load(text, FILE, REGISTRY).integrations["other"].model_extra == {
        "whatever": 1,
        "token": {"env": "OTHER_TOKEN"},
    }


RULES: list[Case] = [
    (
        "    match: ['team=\"web\"']\n",
        "",
        "- name: rest",
        "routes[1]",
        "it is never reached: routes[0] before it has no condition",
        "last",
    ),
    (
        "- name: rest",
        "- name: web",
        "- name: web\n    service",
        "routes[1].name",
        "there is a 'web' before it",
        "its own name",
    ),
    (
        ", words: [loud]",
        "",
        "{name: any",
        "classification.rules[1]",
        "never reached: rules[0] before it",
        "last",
    ),
    (
        "{name: any,",
        "{name: loud,",
        "{name: loud, priority",
        "classification.rules[1].name",
        "a 'loud' before it",
        "own name",
    ),
    (
        "- {playbook: restart, priority: P0}",
        "- {playbook: restart}\n    - {playbook: restart, priority: P1}",
        "priority: P1",
        "playbooks.attach[1]",
        "never reached: attach[0] before it",
        "last",
    ),
]


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), RULES)
def test_a_rule_that_is_never_looked_at_is_found(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed(old, new)
    [finding] = findings(text)
    assert (finding.line, finding.path) == (line_of(text, mark), path)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


MAINTENANCE = """maintenance:
  - name: backup
    match: ['service="web"']
    recurrence: {days: [sat, sun], from: "22:00", to: "06:00", zone: Europe/Berlin}
    reason: backups
  - name: move
    match: ['rack=~"a1|a2"']
    starts_at: 2026-11-21T22:00:00+01:00
    ends_at: 2026-11-22T02:00:00+01:00
    reason: the rack moves
inhibitions:
  - name: cluster
    source_matchers: ['alertname="ClusterDown"']
    target_matchers: ['alertname!="ClusterDown"']
    equal: [cluster]
  - name: host
    source_matchers: ['alertname="HostDown"']
    target_matchers: ['severity="warning"']
default_service"""
WINDOWS: list[Case] = [
    ("zone: Europe/Berlin", "zone: Berlin", "recurrence:", "maintenance[0].recurrence.zone", "not a time zone", "UTC"),
    ("sat, sun", "saturday", "recurrence:", "maintenance[0].recurrence.days[0]", "'saturday'", "'mon', 'tue'"),
    ('from: "22:00", ', "", "recurrence:", "maintenance[0].recurrence.from", "it is missing", "The time of day"),
    ("name: move", "name: backup", "- name: backup\n    match: ['rack", "maintenance[1].name", "before it", "own name"),
    ('service="web"', 'service!="web"', "match: ['service!", "maintenance[0].match", "without any label", "ask"),
    ("    ends_at: 2026-11-22T02:00:00+01:00\n", "", "- name: move", "maintenance[1]", "for ever", "`ends_at`"),
    ("2026-11-22T02:00:00", "2026-11-21T02:00:00", "- name: move", "maintenance[1]", "before it starts", "later"),
    (
        'alertname="HostDown',
        'alertname!="x',
        "    source_matchers: ['alertname!",
        "inhibitions[1].source_matchers",
        "any",
        "ask",
    ),
    ("[cluster]", "cluster", "    equal:", "inhibitions[0].equal", "not a list", "a list"),
    (
        "name: host",
        "name: cluster",
        "- name: cluster\n    source_matchers: ['alertname=\"HostDown",
        "inhibitions[1].name",
        "before it",
        "own",
    ),
    ("02:00:00+01:00", "02:00:00", "ends_at", "maintenance[1].ends_at", "'2026-11-22T02:00:00'", "write"),
]


def test_maintenance_windows_and_inhibitions_are_read() -> None:
    config = load(changed("default_service", MAINTENANCE), FILE, REGISTRY)
    weekly, once = config.maintenance
    assert [(rule.name, rule.equal) for rule in config.inhibitions] == [("cluster", ("cluster",)), ("host", ())]
    assert str(weekly.recurrence) == "sat, sun 22:00-06:00 Europe/Berlin"
    assert (once.starts_at, once.ends_at) == (
        datetime(2026, 11, 21, 21, tzinfo=UTC),
        datetime(2026, 11, 22, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(("old", "new", "mark", "path", "wrong", "remedy"), WINDOWS)
def test_a_window_or_an_inhibition_that_would_not_do_what_it_says_is_found(
    old: str, new: str, mark: str, path: str, wrong: str, remedy: str
) -> None:
    text = changed("default_service", MAINTENANCE).replace(old, new, 1)
    [finding] = findings(text)
    assert (finding.line, finding.path) == (line_of(text, mark), path)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        changed("name: Bob Example", "nmae: Bob Example")
        .replace("primary: eve", "primary: evee")
        .replace("after: 30m", "after: later")
        .replace("timeout: 5s", "timeout: 5")
        .replace("default_service: web", "default_service: web\ndefault_service: web\nextra: 1")
    )
    assert [(finding.line, finding.path) for finding in findings(text)] == [
        (5, "contacts.bob.name"),
        (6, "contacts.bob.nmae"),
        (line_of(text, "evee"), "levels.second.primary"),
        (line_of(text, "later"), "policies.standard.P0.steps[1].after"),
        (line_of(text, "later"), "policies.standard.P1.steps[1].after"),
        (line_of(text, "timeout"), "channels.phone.timeout"),
        (line_of(text, "extra") - 1, "default_service"),
        (line_of(text, "extra"), "extra"),
    ]


def test_a_reference_to_a_faulty_entry_is_not_a_second_fault() -> None:
    [finding] = findings(changed("name: Ann Example", "name: 5"))
    assert finding.path == "contacts.ann.name"


@pytest.mark.parametrize("section", ["contacts", "levels", "channels", "policies", "classification"])
def test_without_a_section_the_rest_is_still_checked(section: str) -> None:
    text = BASE.replace(f"{section}:\n", f"x{section}:\n").replace("number: 2", "number: 1") + "queue_: 1\n"
    paths = [finding.path for finding in findings(text)]
    assert {section, f"x{section}", "queue_"} <= set(paths)
    assert len(paths) <= 5


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text", "5", "a: 1"])
def test_what_is_no_configuration_at_all_is_refused(text: str) -> None:
    found = findings(text)
    assert found
    assert all(finding.remedy for finding in found)


@pytest.mark.parametrize("value", ["5", "[]", "text", "{a: 1}", "null", "[[]]", "{a: [{b: {c: 1}}]}"])
@pytest.mark.parametrize("section", list(Config.model_fields))
def test_any_value_in_any_section_is_an_answer_and_never_a_crash(section: str, value: str) -> None:
    lines = [line for line in BASE.splitlines() if not line.startswith(f"{section}:")]
    try:
        load("\n".join([*lines, f"{section}: {value}"]), FILE, REGISTRY)
    except ConfigError as error:
        assert error.findings  # noqa: PT017 - a value that happens to be right is fine too


def test_playbooks_in_the_operators_folders_can_be_named() -> None:
    def names(folder: Path) -> frozenset[str]:
        return frozenset({f"{folder.name}-reboot"})

    text = changed("playbooks:\n", "playbooks:\n  folders: [/etc/mine]\n").replace(
        "{playbook: restart", "{playbook: mine-reboot"
    )
    registry = Registry(
        sources=REGISTRY.sources, channels=REGISTRY.channels, playbooks=REGISTRY.playbooks, playbooks_in=names
    )
    assert load(text, FILE, registry).playbooks.attach[0].playbook == "mine-reboot"
    assert [finding.path for finding in findings(text)] == ["playbooks.attach[0].playbook"]


def test_faults_of_the_operators_playbooks_are_told_with_their_own_file() -> None:
    fault = Finding(file="/etc/mine/x.yaml", line=3, path="title", wrong="it is missing", remedy="add it")

    def names(_folder: Path) -> frozenset[str]:
        raise ConfigError([fault])

    text = changed("playbooks:\n", "playbooks:\n  folders: [/etc/mine]\n").replace("number: 1", "number: 0")
    registry = Registry(sources=REGISTRY.sources, channels=REGISTRY.channels, playbooks_in=names)
    assert [finding.path for finding in findings(text, registry)] == ["levels.first.number", "title"]
