import pytest

from engine.core.secrecy import hide_path, hide_secrets, looks_secret, mask

SECRET = "s3cr3t-abcdefghijklmnop"


@pytest.mark.parametrize(
    "name",
    [
        *("token", "tokens", "password", "passwd", "pass", "pwd", "passphrase", "secret", "key", "keys", "cookie"),
        *("SLACK_BOT_TOKEN", "TOCSIN_ADMIN_TOKEN", "apiKey", "api_key", "apikey", "APIKey", "signing_secret"),
        *("X-Slack-Signature", "Set-Cookie", "Authorization", "proxy-authorization", "authorization_header"),
        *("credentials", "smtp_password", "privateKey", "routing_key", "token_value", "accesstoken"),
    ],
)
def test_a_name_that_holds_a_secret_is_recognised(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "title", "status", "address", "incident_key", "timer_key", "groupKey", "idempotency_key", "public_key"),
        *("token_name", "token_id", "secret_file", "secretary", "keyboard", "monkey", "access", "author", "signed_by"),
    ],
)
def test_a_name_that_only_sounds_like_one_is_left_alone(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgresql://tocsin:{SECRET}@db/x", "postgresql://•••@db/x"),
        (f"smtp://u:{SECRET}@{SECRET}@mail:25", "smtp://•••@mail:25"),
        (f"https://x.example/call?to=1&token={SECRET}&x=1#end", "https://x.example/call?to=1&token=•••&x=1#end"),
        (f"POST /webhooks/generic/{SECRET} HTTP/1.1", "POST /webhooks/generic/••• HTTP/1.1"),
        (f"GET /heartbeats/{SECRET}/fail HTTP/1.1", "GET /heartbeats/•••/fail HTTP/1.1"),
        (f"https://hooks.slack.com/services/T/B/{SECRET}", "https://hooks.slack.com/•••"),
        (f"Authorization: Bearer {SECRET}", "Authorization: •••"),
        (f"{{'authorization': 'Basic {SECRET}'}}", "{'authorization': •••}"),
        (f"curl -H 'GenieKey {SECRET}'", "curl -H 'GenieKey •••'"),
        (f"got Bearer {SECRET}==, sorry", "got Bearer •••, sorry"),
        ("xoxb-1234567890-abcdef and xapp-1-A012-34-ef", "••• and •••"),
        (f"Settings(password='{SECRET}', url='x')", "Settings(password=•••, url='x')"),
        (f'{{"api_key": "{SECRET}", "n": 1}}', '{"api_key": •••, "n": 1}'),
        (f"password={SECRET} user=ann", "password=••• user=ann"),
    ],
)
def test_what_gives_a_secret_away_is_taken_out_of_a_text(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://runbooks.example.com/disk?host=db1&page=2",
        "mail ann@example.com about https://x.example/a",
        "the key to it: patience",
        "basic authentication is required",
        "incident_key=web/disk token_name=ci",
        "5 > 3 && x=y",
    ],
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://voice.example.com/hooks/s3cr3t", "https://voice.example.com/•••"),
        ("https://voice.example.com/", "https://voice.example.com"),
        ("https://u:s3cr3t@voice.example.com:8443?x=s3cr3t", "https://voice.example.com:8443/•••"),
        ("https://[s3cr3t", "•••"),
        ("#incidents", "#incidents"),
        ("/run/secrets/name", "/run/secrets/name"),
    ],
)
def test_of_an_address_only_the_host_is_shown(url: str, shown: str) -> None:
    assert hide_path(url) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("token", SECRET, "•••"),
        ("token", None, None),
        ("token", {"env": "TOKEN"}, {"env": "TOKEN"}),
        ("token", {"env": None, "file": "/run/token"}, {"env": None, "file": "/run/token"}),
        ("token", {"old": SECRET, "new": [SECRET]}, {"old": "•••", "new": ["•••"]}),
        ("headers", {"authorization": SECRET, "accept": "json"}, {"authorization": "•••", "accept": "json"}),
        ("url", f"https://x.example/{SECRET}", "https://x.example/•••"),
        ("urls", [f"https://x.example/{SECRET}"], ["https://x.example/•••"]),
        ("timeout", "5s", "5s"),
        ("window", 5, 5),
        ("strict", True, True),
        ("pin_token", 1234, "•••"),
    ],
)
def test_a_setting_is_shown_without_its_secrets(name: str, value: object, shown: object) -> None:
    assert mask(name, value) == shown
