"""What the process counts, for Prometheus. A registry of its own, so that two engines in one process don't share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from engine.core import heartbeats, probing
from engine.core.errors import DeliveryError
from engine.core.intake import AlertAction
from engine.ports import Channel, Envelope, Receipt, Traceable
from engine.services.ticking import Ticked

WEBHOOK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CANARY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
LATENESS_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of_intake()
        self._of_probes()
        self._of_timers()
        self._of_sending()
        self._of_the_pager_itself()

    def _of_intake(self) -> None:
        """What comes in."""
        self.alerts = Counter(
            "tocsin_alerts",
            "Alerts that are durable, by what became of them.",
            ["integration", "action"],
            registry=self.registry,
        )
        self.webhook_seconds = Histogram(
            "tocsin_webhook_seconds",
            "From a webhook's arrival to its answer.",
            buckets=WEBHOOK_BUCKETS,
            registry=self.registry,
        )
        self.webhooks_refused = Counter(
            "tocsin_webhooks_refused",
            "Webhooks and mails of which nothing was taken, by why.",
            ["source", "code"],
            registry=self.registry,
        )

        self.requests_lost = Counter(
            "tocsin_raw_requests_lost",
            "Requests that were answered as always and of which no raw copy could be kept.",
            registry=self.registry,
        )

    def _of_probes(self) -> None:
        """What the engine looks at itself."""
        self.probe_runs = Counter(
            "tocsin_probe_runs", "Runs of probes, by what they found.", ["result"], registry=self.registry
        )

    def _of_timers(self) -> None:
        """What falls due."""
        self.timers = Counter(
            "tocsin_timers", "Timers that came due, by what was done.", ["result"], registry=self.registry
        )
        self.lateness = Histogram(
            "tocsin_timer_lateness_seconds",
            "How late timers fired, in engine time.",
            buckets=LATENESS_BUCKETS,
            registry=self.registry,
        )
        self.tick_seconds = Histogram(
            "tocsin_tick_seconds",
            "How long a look at the timers took, the database's time for the most part.",
            buckets=WEBHOOK_BUCKETS,
            registry=self.registry,
        )
        self.last_tick = Gauge(
            "tocsin_last_tick_age_seconds", "How long ago this process last looked.", registry=self.registry
        )

    def _of_sending(self) -> None:
        """What goes out, and what waits to."""
        self.sends = Counter(
            "tocsin_sends",
            "Messages handed to a channel, by what came of it.",
            ["channel", "kind", "result"],
            registry=self.registry,
        )
        self.providers_out = Gauge(
            "tocsin_provider_out",
            "1 while a channel's provider is left alone because it failed again and again, else 0.",
            ["channel"],
            registry=self.registry,
        )
        self.waiting = Gauge("tocsin_outbox_messages", "Messages that wait to be sent.", registry=self.registry)
        self.oldest = Gauge(
            "tocsin_outbox_oldest_seconds", "How long the oldest of them has waited.", registry=self.registry
        )
        self.oldest_page = Gauge(
            "tocsin_outbox_oldest_page_seconds",
            "How long the oldest message that is to wake somebody has waited.",
            registry=self.registry,
        )

    def _of_the_pager_itself(self) -> None:
        """Whether it would notice its own end."""
        self.heartbeats = Counter(
            "tocsin_heartbeats",
            "Heartbeats to the dead man's switch, by what came of them.",
            ["result"],
            registry=self.registry,
        )
        self.canary_sent = Gauge(
            "tocsin_canary_last_success_timestamp_seconds",
            "When the last canary page was sent that arrived; 0 where none has.",
            registry=self.registry,
        )
        self.canary_seconds = Histogram(
            "tocsin_canary_seconds",
            "From the opening of a canary's incident to the receipt of its page.",
            buckets=CANARY_BUCKETS,
            registry=self.registry,
        )

    def ticked(self, tick: Ticked) -> None:
        self.timers.labels("fired").inc(tick.fired)
        self.timers.labels("set_aside").inc(len(tick.set_aside))
        for late in tick.lateness:
            self.lateness.observe(late.total_seconds())

    def pulse_taken(self, action: AlertAction) -> None:
        """An alert that one of our own heartbeats came to."""
        self.alerts.labels(heartbeats.SOURCE, action.value).inc()

    def alert_taken(self, integration: str, action: AlertAction) -> None:
        self.alerts.labels(integration, action.value).inc()

    def probe_ran(self, *, ok: bool) -> None:
        self.probe_runs.labels("well" if ok else "failed").inc()

    def probe_told(self, action: AlertAction) -> None:
        """An alert that one of our own probes came to."""
        self.alerts.labels(probing.SOURCE, action.value).inc()

    def canary_arrived(self, sent: datetime, took: timedelta) -> None:
        self.canary_sent.set(sent.timestamp())
        self.canary_seconds.observe(took.total_seconds())

    def counted(self, channels: Mapping[str, Channel]) -> dict[str, Channel]:
        """The same channels, their sends counted."""
        return {name: _counted(channel, self.sends) for name, channel in channels.items()}


def _counted(channel: Channel, sends: Counter) -> Channel:
    return (
        CountedTraceable(channel, channel, sends) if isinstance(channel, Traceable) else CountedChannel(channel, sends)
    )


class CountedChannel:
    def __init__(self, channel: Channel, sends: Counter) -> None:
        self.name = channel.name
        self.kind = channel.kind
        self.updatable = channel.updatable
        self._channel = channel
        self._sends = sends

    def configured(self) -> str | None:
        return self._channel.configured()

    async def send(self, envelope: Envelope) -> Receipt:
        kind = "update" if envelope.receipt else envelope.message.kind.value
        try:
            receipt = await self._channel.send(envelope)
        except DeliveryError as error:
            self._sends.labels(self.name, kind, "refused" if error.permanent else "failed").inc()
            raise
        self._sends.labels(self.name, kind, "sent").inc()
        return receipt

    async def close(self) -> None:
        await self._channel.close()


class CountedTraceable(CountedChannel):
    def __init__(self, channel: Channel, traceable: Traceable, sends: Counter) -> None:
        super().__init__(channel, sends)
        self._traceable = traceable

    async def find(self, envelope: Envelope) -> Receipt | None:
        return await self._traceable.find(envelope)
