"""What ships in deploy/ speaks of metrics that there are, and has a section for each alert."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from engine.services.metrics import Metrics

DEPLOY = Path(__file__).parent.parent / "deploy"
RULES = DEPLOY / "prometheus-rules.yml"
RUNBOOK = (DEPLOY / "operations.md").read_text()
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def names() -> set[str]:
    """Every metric, as Prometheus stores it."""
    kinds = {"counter": "_total", "histogram": "", "gauge": ""}
    return {family.name + kinds[family.type] for family in Metrics().registry.collect()}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_there_are(rule: dict[str, str]) -> None:
    asked = {name.removesuffix("_bucket") for name in re.findall(r"tocsin_\w+", rule["expr"])}
    assert asked <= names()
    assert asked or "up{" in rule["expr"]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_its_section_in_the_runbook(rule: dict[str, dict[str, str]]) -> None:
    assert rule["annotations"]["runbook"] == f"operations.md#{str(rule['alert']).lower()}"
    assert f"\n## {rule['alert']}\n" in RUNBOOK
    assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_runbook_lists_every_metric_and_no_other() -> None:
    assert set(re.findall(r"^\| `(tocsin_\w+)`", RUNBOOK, re.MULTILINE)) == names()


def test_prometheus_takes_the_rules() -> None:
    assert shutil.which("promtool"), "this test needs promtool; on Debian: apt-get install prometheus"
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert f"SUCCESS: {len(ALERTS)} rules found" in checked.stdout
