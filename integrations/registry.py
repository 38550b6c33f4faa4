"""What Tocsin can connect to, one line per entry. A new one is its module, its test and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from engine.ports import Action, Channel, Probe, Source
from integrations.actions.manual import Manual
from integrations.channels import Resources, email, log, slack, webhook
from integrations.probes.dns import Dns
from integrations.probes.http import Http
from integrations.probes.prometheus import Prometheus
from integrations.probes.resolving import Resolver
from integrations.probes.tcp import Tcp
from integrations.sources.alertmanager import Alertmanager
from integrations.sources.azure import Azure
from integrations.sources.cloudwatch import CloudWatch
from integrations.sources.datadog import Datadog
from integrations.sources.elastic import Elastic
from integrations.sources.email import Email
from integrations.sources.generic import Generic
from integrations.sources.github import GitHub
from integrations.sources.gitlab import GitLab
from integrations.sources.googlecloud import GoogleCloud
from integrations.sources.grafana import Grafana
from integrations.sources.healthchecks import Healthchecks
from integrations.sources.nagios import Nagios
from integrations.sources.newrelic import NewRelic
from integrations.sources.opsgenie import Opsgenie
from integrations.sources.pagerduty import PagerDuty
from integrations.sources.pingdom import Pingdom
from integrations.sources.sentry import Sentry
from integrations.sources.uptimekuma import UptimeKuma
from integrations.sources.zabbix import Zabbix


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelKind:
    """How a configured channel comes to be: what its settings look like, and what makes it from a name and them."""

    settings: type[BaseModel]
    build: Callable[[str, Any, Resources], Channel]


SOURCES: Mapping[str, Source] = {
    "alertmanager": Alertmanager(),
    "azure": Azure(),
    "cloudwatch": CloudWatch(),
    "datadog": Datadog(),
    "elastic": Elastic(),
    "email": Email(),
    "generic": Generic(),
    "github": GitHub(),
    "gitlab": GitLab(),
    "googlecloud": GoogleCloud(),
    "grafana": Grafana(),
    "healthchecks": Healthchecks(),
    "nagios": Nagios(),
    "newrelic": NewRelic(),
    "opsgenie": Opsgenie(),
    "pagerduty": PagerDuty(),
    "pingdom": Pingdom(),
    "sentry": Sentry(),
    "uptimekuma": UptimeKuma(),
    "zabbix": Zabbix(),
}

CHANNELS: Mapping[str, ChannelKind] = {
    "email": ChannelKind(settings=email.Settings, build=email.EmailChannel),
    "log": ChannelKind(settings=log.Settings, build=log.LogChannel),
    "slack": ChannelKind(settings=slack.Settings, build=slack.SlackChannel),
    "webhook": ChannelKind(settings=webhook.Settings, build=webhook.WebhookChannel),
}

ACTIONS: Mapping[str, Action] = {
    "manual": Manual(),
}

RESOLVER = Resolver()
"""Of all probes: each lookup that hangs holds a thread, and they are not many."""

PROBES: Mapping[str, Probe] = {
    "dns": Dns(RESOLVER),
    "http": Http(RESOLVER),
    "prometheus": Prometheus(RESOLVER),
    "tcp": Tcp(RESOLVER),
}
