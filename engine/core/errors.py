"""Every exception of the product.

TocsinError
├── Refusal                 a command the state or the rules refuse; carries a code and a sentence
│   ├── NotFound            the thing named does not exist
│   ├── Forbidden           the actor's role does not allow it
│   └── Conflict            someone else was faster; read again
├── Unreadable              a webhook body that is not what the source sends; carries the JSON path
├── Unauthorized            a wrong key, token or signature
├── Overloaded              the database can't take it now; the sender shall try again
├── Unreachable             a vendor's address that a webhook depends on can't be had; the sender shall try again
├── ConfigError             a configuration with findings, each with file, line, path and remedy
├── SettingsError           environment variables that can't be used, or a secret they should hold is missing
├── DeliveryError           a send that failed; `permanent` says whether trying again can help
└── ReportError             a report format that cannot be rendered
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class TocsinError(Exception):
    """Base of all errors the product raises on purpose; its text is fit for a user's eyes and holds no secret."""


class Refusal(TocsinError):
    """The command is refused: `code` for programs, the sentence for people. Nothing was changed."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class NotFound(Refusal):
    """The thing named does not exist, or the reader may not see it."""


class Forbidden(Refusal):
    """The actor's role does not allow this."""


class Conflict(Refusal):
    """The row changed between reading and writing; reading again and retrying may succeed."""


class Unreadable(TocsinError):
    """The body is not what this source sends: `path` is the JSON path of the first fault ("$" for the whole)."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Unauthorized(TocsinError):
    """The key, token or signature is wrong or missing. The text never repeats what was presented."""


class Overloaded(TocsinError):
    """The database can't take it now. Nothing was stored, unless it was the answer to a COMMIT that was lost: whoever
    tries again has to be recognised, as alerts are by their fingerprints, commands by their idempotency keys and
    the state that they find, results of sending by their claims. `retry_after` is in seconds."""

    def __init__(self, sentence: str, retry_after: int = 5) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unreachable(TocsinError):
    """A vendor's own address, without which a webhook can't be judged, can't be reached now. Nothing was stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One fault in a configuration file. `line` counts from 1; `path` is like `policies.standard.P0.steps[1].level`."""

    file: str
    line: int
    path: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.wrong}; {self.remedy}"


class ConfigError(TocsinError):
    """The configuration can't be used; `findings` names every fault, not just the first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


class SettingsError(TocsinError):
    """The environment can't be used: one sentence for each variable, naming it and never showing a secret."""


class Limited(StrEnum):
    """What a provider that asks to slow down means: this address only, or everything that it is given."""

    ADDRESS = "address"
    PROVIDER = "provider"


class DeliveryError(TocsinError):
    """A send failed. `permanent`: trying again can't help (no such channel, address refused, token revoked).

    `ambiguous`: the request went out and no answer came, so it may have arrived. `retry_after` is in seconds,
    as the provider asked. `limited`: nothing is out of order, the provider asks to slow down. `gone`: the message that
    was to be brought up to date is not there any more.
    The text never holds a token, a password or a signed address.
    """

    def __init__(
        self,
        sentence: str,
        *,
        permanent: bool = False,
        ambiguous: bool = False,
        retry_after: float | None = None,
        limited: Limited | None = None,
        gone: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.gone = gone
        self.permanent = permanent
        self.ambiguous = ambiguous
        self.retry_after = retry_after
        self.limited = limited


class ReportError(TocsinError):
    """The report can't be rendered in the wanted format."""
