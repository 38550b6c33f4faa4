"""An incident whose every text tries to break out of the report."""

from __future__ import annotations

from dataclasses import replace

from engine.core.model import ActionItem, Alert, AlertStatus, Link, RecordedAlert
from engine.core.timeline import Kind
from engine.report.facts import Facts, Related, Relation
from tests.report.example import CARD, FACTS, RESOLVED, STEPS, after, event, recorded

ATTACKS = (
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(2)>",
    '" onmouseover="alert(3)" x="',
    "</style></title><iframe srcdoc='x'>",
    "<!-- comment --><![CDATA[x]]>",
    "# heading\n## more\n\n- list\n1. one\n> quote\n\n---\n===\n    code",
    "| a | b |\n|---|---|\n| c | d |",
    "```sh\nrm -rf /\n```\n~~~\nx\n~~~",
    "[click](javascript:alert(4)) ![img](http://evil.example/x.png) [ref]: http://evil.example <http://evil.example>",
    "http://evil.example/ www.evil.example mailto:a@evil.example",
    "&lt;b&gt; &#60;script&#62; &amp;",
    "{{ 7 * 7 }} {% for x in y %} ${7*7} $x^2$ #{7*7}",
    '#import "evil.typ" #eval("1") *bold* _it_ ~~gone~~ `code` \\ <label> @ref $ sum $ // comment /* more */',
    "a\x00b\x07c\x1b[31mred\x1b[0m\x7f\x9b31m \u202egnp.exe\u2066 \ufeff \U000e0041 \ud800",
    "line\r\nbreak\rother\u2028more\u2029end\x85next\vtab\fform",
    "W" * 400,
    "\u0301" * 50 + "e" + "\u0301" * 300,
    "日本語のアラート العربية עברית ไทย 🔥👩‍👩‍👧‍👦",
)
EVIL = "\n".join(ATTACKS)

LINKS = (
    Link(title=EVIL, url="https://ok.example/path?a=1&b=<script>'\""),
    Link(title="no", url="javascript:alert(5)"),
    Link(title="no", url="data:text/html,<script>alert(6)</script>"),
    Link(title="no", url="//evil.example"),
    Link(title="no", url="https://user:secret@evil.example/"),
    Link(title="no", url="https://evil.example/\n<script>"),
    Link(title="no", url="http://[broken"),
)


def hostile(text: str = EVIL) -> Facts:
    """The example with this text wherever text from outside can stand."""
    alert = Alert(
        fingerprint=text,
        status=AlertStatus.FIRING,
        title=text,
        summary=text,
        labels={"severity": text, text: text},
        links=(*LINKS, Link(title=text, url=text)),
    )
    lines = [(0, event(kind, f"person:{text} via {text}", text, **_data(text))) for kind in Kind]
    lines.append((1, event(text, text, text, **{text: text})))
    events = recorded(*lines)
    subject = replace(
        RESOLVED,
        title=text,
        service=text,
        source=text,
        commander=text,
        impact=text,
        cause=text,
        mitigation=text,
        validation=text,
        lessons=text,
        classification=replace(RESOLVED.classification, rule=text, reason=text),
        timeline_seq=len(events),
        timeline_hash=events[-1].hash,
    )
    return replace(
        FACTS,
        incident=subject,
        alerts=(RecordedAlert(alert=alert, first_seen_at=after(0), last_seen_at=after(1)),),
        events=events,
        deliveries=(replace(CARD, error=text, receipt={"reference": text}),),
        steps=tuple(replace(step, title=text, phase=text, number=text, note=text) for step in STEPS),
        actions=(ActionItem(what=text, owner=text, due_on=text),),
        people={"eng-manager": text},
        related=(Related(relation=Relation.PREVIOUS, id=1, title=text, url="javascript:alert(7)"),),
        playbook_title=text,
        engine_version="0.1.0",
    )


def _data(text: str) -> dict[str, object]:
    named = (
        "contact",
        "channel",
        "error",
        "reference",
        "text",
        "sentence",
        "validation",
        "rule",
        "level_title",
        "from",
    )
    return dict.fromkeys((*named, "to", "by", "step", "page", "due_at", "impact"), text) | {
        "level": 1,
        "channels": [text],
    }
