"""What /openapi.json says of every refusal: one schema, and for each status when it comes and what it looks like."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from engine.api.problems import CODES, MEDIA_TYPE, SENTENCES, Problem

SCHEMA = {"$ref": "#/components/schemas/Problem"}

GENIE_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`GenieKey` and the key of an integration whose source is `opsgenie`.",
}

NOT_OURS = ("HTTPValidationError", "ValidationError")

REFUSALS: dict[int, tuple[str, str, str]] = {
    400: ("The body is not JSON", CODES[400], SENTENCES[400]),
    401: ("No token, or an unknown or revoked one", "unauthorized", "The token is unknown or revoked."),
    403: (
        "The token's role does not allow it",
        "role_too_low",
        "Dashboard may look at incidents but not act on them (role viewer)",
    ),
    404: ("It does not exist", "incident_unknown", "There is no INC-42."),
    409: (
        "The state or a rule refuses; nothing was changed",
        "cause_missing",
        "A P0 is not closed without its cause.",
    ),
    413: ("The body is too large", CODES[413], "The body is larger than 1048576 bytes."),
    415: ("The body is in another form", CODES[415], "Send JSON, with the header Content-Type: application/json."),
    422: ("What was sent is not what is needed", "invalid", "$.reason: Field required"),
    500: ("It could not be done", "failed", "The PDF can't be set: out of memory."),
    503: (
        "The database can't take it now; come again after Retry-After seconds",
        "overloaded",
        "The database can't be reached: TimeoutError. It counts as not stored; send it again.",
    ),
}


def refusals(*statuses: int, **descriptions: str) -> dict[int | str, dict[str, Any]]:
    """For `responses=`. A description of one's own is given as `s401=`."""
    return {status: _refusal(status, descriptions.get(f"s{status}")) for status in statuses}


def _refusal(status: int, description: str | None) -> dict[str, Any]:
    usual, code, detail = REFUSALS[status]
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return {
        "description": description or usual,
        "content": {MEDIA_TYPE: {"schema": SCHEMA, "example": example}},
    }


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with the schema of our refusals, and without what it says of refusals itself."""
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs", {}), "Problem": problem}
    for name in NOT_OURS:
        schemas.pop(name, None)
    document["components"].setdefault("securitySchemes", {})["GenieKey"] = GENIE_KEY
    for methods in document["paths"].values():
        for operation in methods.values():
            if NOT_OURS[0] in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    return document
