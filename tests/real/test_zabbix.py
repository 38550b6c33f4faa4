"""The media type's script in Duktape, the engine in which Zabbix runs it; only Zabbix's own two objects are played."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.core.model import AlertStatus
from engine.ports import Request
from integrations.sources.zabbix import Settings, Zabbix
from tests.integrations.sources.bodies import NOW

FILE = Path(__file__).parents[2] / "deploy" / "zabbix-media-type.yaml"
MEDIA_TYPE = yaml.safe_load(FILE.read_text())["zabbix_export"]["media_types"][0]
PARAMETERS: dict[str, str] = {one["name"]: one["value"] for one in MEDIA_TYPE["parameters"]}
URL = "https://tocsin.example.com/webhooks/zabbix/k3y"

STAGE = """
function HttpRequest() {{ this.headers = []; }}
HttpRequest.prototype = {{
    addHeader: function (header) {{ this.headers.push(header); }},
    post: function (url, body) {{
        sent = {{url: url, headers: this.headers, body: body}};
        return {answer};
    }},
    getStatus: function () {{ return {status}; }}
}};
var sent = null, result;
try {{
    result = (function (value) {{ {script} }})({value});
}} catch (error) {{
    result = 'threw ' + error;
}}
print(JSON.stringify({{sent: sent, result: result}}));
"""


def run(fields: dict[str, str], folder: Path, *, status: int = 202, ascii_only: bool = True) -> dict[str, Any]:
    """What the script sends for these parameters, and what it returns or throws. Zabbix hands their JSON over in UTF-8,
    with or without escapes."""
    program = shutil.which("duk")
    assert program, "this test needs duk; on Debian: apt-get install duktape"
    file = folder / "script.js"
    value = json.dumps(json.dumps(fields, ensure_ascii=ascii_only), ensure_ascii=ascii_only)
    answer = json.dumps('{"alerts": []}')
    file.write_text(STAGE.format(script=MEDIA_TYPE["script"], value=value, answer=answer, status=status))
    ran = subprocess.run([program, file], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def filled(**fields: str) -> dict[str, str]:
    """As Zabbix fills the parameters in: the example's values, and the macros where it has none."""
    return {**PARAMETERS, **json.loads(Zabbix.example), "url": URL, **fields}


def test_the_parameters_are_what_the_source_reads() -> None:
    assert set(PARAMETERS) == {"url", "token", *json.loads(Zabbix.example)}
    macros = [value for name, value in PARAMETERS.items() if name not in ("url", "token")]
    assert all(value.startswith("{") and value.endswith("}") for value in macros)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_the_script_sends_is_an_alert(tmp_path: Path, ascii_only: bool) -> None:  # noqa: FBT001
    hostile = 'quote " backslash \\ line\nend </script> ${x} é 😀'
    ran = run(filled(event_name=hostile), tmp_path, ascii_only=ascii_only)
    assert ran["result"] == "OK"
    assert ran["sent"]["url"] == URL
    assert ran["sent"]["headers"] == ["Content-Type: application/json"]
    body = Request(headers={}, body=ran["sent"]["body"].encode())
    (alert,) = Zabbix().parse(Settings(), body, NOW).alerts
    assert (alert.fingerprint, alert.status, alert.service) == ("4711", AlertStatus.FIRING, "checkout")
    assert alert.title == " ".join(hostile.split())


def test_a_token_goes_into_the_header_and_nowhere_else(tmp_path: Path) -> None:
    sent = run(filled(token="t0ken-t0ken"), tmp_path)["sent"]
    assert sent["headers"][1:] == ["Authorization: Bearer t0ken-t0ken"]
    assert "t0ken-t0ken" not in sent["body"]
    assert "k3y" not in sent["body"]


@pytest.mark.parametrize("status", [401, 422, 503])
def test_anything_but_a_202_is_thrown_so_that_zabbix_tries_again(status: int, tmp_path: Path) -> None:
    assert run(filled(), tmp_path, status=status)["result"].startswith(f"threw Tocsin answered {status}")
    assert int(MEDIA_TYPE["attempts"]) > 1
