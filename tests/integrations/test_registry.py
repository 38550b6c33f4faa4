from __future__ import annotations

from integrations.registry import ACTIONS, CHANNELS, PROBES, SOURCES


def test_every_entry_stands_under_its_own_name() -> None:
    assert {name: source.name for name, source in SOURCES.items()} == {name: name for name in SOURCES}
    assert {name: action.name for name, action in ACTIONS.items()} == {name: name for name in ACTIONS}


def test_the_documented_sources_channels_and_steps_are_there() -> None:
    assert set(SOURCES) == {
        *("alertmanager", "azure", "cloudwatch", "datadog", "elastic", "email", "generic", "github", "gitlab"),
        *("googlecloud", "grafana", "healthchecks", "nagios", "newrelic", "opsgenie", "pagerduty", "pingdom"),
        *("sentry", "uptimekuma", "zabbix"),
    }
    assert set(CHANNELS) == {"email", "log", "slack", "webhook"}
    assert set(ACTIONS) == {"manual"}
    assert set(PROBES) == {"dns", "http", "prometheus", "tcp"}


def test_settings_are_closed_so_that_a_misspelt_one_is_found() -> None:
    kinds = [*(source.settings for source in SOURCES.values()), *(kind.settings for kind in CHANNELS.values())]
    for settings in [*kinds, *(action.params for action in ACTIONS.values())]:
        assert settings.model_config.get("extra") == "forbid", settings
