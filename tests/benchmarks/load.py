"""The load: alerts over plain sockets, from a process of its own: `python -m tests.benchmarks.load '{"url": …}'`.

One thread waits for all connections at once; requests are bytes that are all but ready, so that on two cores the load
takes little from what it measures (some 20 µs a request). Closed loop: each connection sends as soon as it is answered.
Open loop: alerts leave at a given rate, and their time counts from when they were meant to leave.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

ENOUGH = 1 << 16
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
RETRY_AFTER = re.compile(rb"\r\nretry-after: (\d+)", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"
TAKEN = ("opened", "joined", "repeated")
GIVE_UP = 15.0
"""Seconds without any answer after which a run is over."""

BODY = """{"version":"4","groupKey":"{}/{severity=\\"critical\\"}:{alertname=\\"CheckoutDown\\",run=\\"%(name)s\\"}",\
"truncatedAlerts":0,"status":"firing","receiver":"tocsin","groupLabels":{"alertname":"CheckoutDown"},\
"commonLabels":{"alertname":"CheckoutDown","severity":"critical"},"commonAnnotations":{},\
"externalURL":"http://alertmanager.example:9093","alerts":[%(alerts)s]}"""
ALERT = """{"status":"firing","labels":{"alertname":"CheckoutDown",\
"cluster":"eu-1","instance":"%(name)s","job":"checkout","severity":"critical"%(more)s},"annotations":{"description":\
"Half of all payments have failed for five minutes.","runbook_url":"https://runbooks.example/checkout",\
"summary":"Payments fail at the checkout"},"startsAt":"2026-11-21T03:10:00.123456789Z",\
"endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example:9090/graph?g0.expr=errors",\
"fingerprint":"%(name)s"}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to send. `mark` begins each fingerprint, so that no two runs send the same; without a `rate` the loop is
    closed. It ends after `alerts` requests or `seconds`, whichever comes first. `together`: alerts of one group in each
    request. `different`: after so many requests the first is sent again, as one that still fires. `patient`: what is
    answered 503 is sent again after Retry-After seconds."""

    url: str
    mark: str
    connections: int
    seconds: float
    alerts: int = 1_000_000
    rate: float | None = None
    together: int = 1
    different: int = 1_000_000
    patient: bool = False
    priority: str | None = None

    def names(self, number: int) -> list[str]:
        """The fingerprints of one request's alerts."""
        name = f"{self.mark}{number % self.different:07d}"
        return [name] if self.together == 1 else [f"{name}-{place}" for place in range(self.together)]


@dataclass(kw_only=True, slots=True)
class Sent:
    """Of each alert that was accepted its fingerprint, its incident, when it left (or should have; monotonic seconds)
    and when the answer was there."""

    started: float
    ended: float = 0
    accepted: list[tuple[str, str, float, float]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


class Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=GIVE_UP)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.names: list[str] = []
        self.left = 0.0
        self._answer = b""

    def send(self, names: list[str], request: bytes, left: float) -> None:
        self.names, self.left, self._answer = names, left, b""
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The whole answer, or None while some of it is missing. Raises ConnectionError when the engine hangs up."""
        piece = self.socket.recv(ENOUGH)
        if not piece:
            raise ConnectionError("the engine hung up")
        self._answer += piece
        head, found, body = self._answer.partition(HEAD_END)
        length = LENGTH.search(head)
        return self._answer if found and length and len(body) >= int(length[1]) else None


class Load:
    def __init__(self, order: Order) -> None:
        url = urlsplit(order.url)
        self._order = order
        self._head = f"POST {url.path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\n"
        self._connections = [Connection((url.hostname or "", url.port or 80)) for _ in range(order.connections)]
        # In turn: the engine hangs up on a connection that is not used for seconds.
        self._idle = deque(self._connections)
        self._selector = selectors.DefaultSelector()
        self._refused = Counter[str]()
        self._again: deque[tuple[float, list[str]]] = deque()
        self._begun = 0

    def run(self) -> Sent:
        for one in self._connections:
            self._selector.register(one.socket, selectors.EVENT_READ, one)
        sent = Sent(started=time.monotonic())
        due = self._due(sent.started)
        coming: float | None = next(due, None)
        while coming is not None or self._again or len(self._idle) < len(self._connections):
            while self._idle and self._again and self._again[0][0] <= time.monotonic():
                self._post(self._again.popleft()[1], time.monotonic())
            while coming is not None and self._idle and coming <= time.monotonic():
                self._begun += 1
                self._post(self._order.names(self._begun), coming if self._order.rate else time.monotonic())
                coming = next(due, None)
            ahead = [at for at, _ in self._again] + ([] if coming is None else [coming])
            self._receive(sent, min(ahead, default=None))
        sent.ended, sent.refused = time.monotonic(), dict(self._refused)
        return sent

    def _due(self, started: float) -> Iterator[float]:
        """When each alert is to leave."""
        order = self._order
        for number in range(order.alerts):
            at = started + number / order.rate if order.rate else time.monotonic()
            if at > started + order.seconds:
                return
            yield at

    def _post(self, names: list[str], left: float) -> None:
        more = f',"priority":"{self._order.priority}"' if self._order.priority else ""
        alerts = ",".join(ALERT % {"name": name, "more": more} for name in names)
        body = BODY % {"name": names[0], "alerts": alerts}
        request = f"{self._head}content-length: {len(body)}\r\n\r\n{body}".encode()
        self._idle.popleft().send(names, request, left)

    def _receive(self, sent: Sent, coming: float | None) -> None:
        wait = GIVE_UP
        if self._idle and coming is not None:
            wait = max(0.0, coming - time.monotonic())
        ready = self._selector.select(wait)
        if not ready and wait == GIVE_UP:
            raise TimeoutError(f"no answer for {GIVE_UP:.0f} s")
        for key, _ in ready:
            one: Connection = key.data
            answer = one.receive()
            if answer is not None:
                self._note(sent, one, answer)
                self._idle.append(one)

    def _note(self, sent: Sent, one: Connection, answer: bytes) -> None:
        status, body = answer[9:12].decode(), answer.partition(HEAD_END)[2]
        if status == "503" and self._order.patient:
            wait = RETRY_AFTER.search(answer)
            self._again.append((time.monotonic() + float(wait[1] if wait else 1), one.names))
        alerts = json.loads(body)["alerts"] if status == "202" else [{} for _ in one.names]
        now = time.monotonic()
        for name, alert in zip(one.names, alerts, strict=True):
            if alert.get("action") in TAKEN:
                sent.accepted.append((name, alert["incident"], one.left, now))
            else:
                self._refused[f"{status} {alert.get('action', '')}".strip()] += 1


def main() -> None:
    sent = Load(Order(**json.loads(sys.argv[1]))).run()
    sys.stdout.write(json.dumps(asdict(sent)))


if __name__ == "__main__":
    main()
