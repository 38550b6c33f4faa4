"""One HTML file that needs nothing else: no script, no font, no request, and a policy that forbids them."""

from __future__ import annotations

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from engine.report.front import lay_out
from engine.report.model import Report


def to_html(report: Report) -> bytes:
    templates = SandboxedEnvironment(
        loader=PackageLoader("engine.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html.j2").render(document=lay_out(report)).encode()
