"""Who may come in: API tokens (only their hashes are kept) and the webhook keys of integrations."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from engine.core.errors import NotFound, Refusal, SettingsError, Unauthorized
from engine.core.heartbeats import Heartbeat
from engine.core.model import Actor, ActorKind, Role
from engine.core.policy import Config, Integration, Revision, SecretRef
from engine.core.reportpage import ReportPage
from engine.db import records
from engine.services.context import Context

log = structlog.get_logger()

SECRET = "installation_secret"  # noqa: S105 - the name of a setting
ADMIN = "admin"
REPORT_PAGE = "report_page"
ResolveSecret = Callable[[SecretStr | SecretRef], SecretStr]


def digest(token: str) -> str:
    """Tokens carry 256 bits of their own, so a plain hash is enough to keep them unreadable."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A token on record; the secret itself is shown once, when it is made."""

    name: str
    role: Role
    contact: str | None
    created_at: datetime
    revoked_at: datetime | None


async def create_token(
    context: Context, *, name: str, role: Role, contact: str | None = None, token: SecretStr | None = None
) -> SecretStr:
    """Returns the secret part. Raises Refusal when the name is taken or the contact unknown."""
    secret = token or SecretStr(f"tocsin_{secrets.token_urlsafe(32)}")
    now = context.clock.now()

    def work(connection: Connection) -> None:
        if contact is not None and contact not in context.revisions.current(connection).config.contacts:
            raise NotFound("contact_unknown", f"{contact!r} is not in contacts.")
        hashed = digest(secret.get_secret_value())
        records.add_token(connection, name=name, role=role.value, contact=contact, digest=hashed, now=now)

    try:
        await context.database.write(work)
    except IntegrityError as error:
        raise Refusal(
            "name_taken", f"There is a token named {name!r} already; revoke it or choose another name."
        ) from error
    return secret


async def ensure_admin(context: Context, given: SecretStr | None) -> SecretStr | None:
    """At start: the token from the settings is valid, or, on a new installation without one, a token is made.

    Returns the secret of a token that was made, to be shown this once.
    """
    known = await list_tokens(context)
    if given is None:
        return None if known else await create_token(context, name=ADMIN, role=Role.ADMIN)
    hashed, now = digest(given.get_secret_value()), context.clock.now()

    def work(connection: Connection) -> None:
        if records.token_by_digest(connection, hashed) is None:
            records.put_token(connection, name=ADMIN, role=Role.ADMIN.value, digest=hashed, now=now)

    await context.database.write(work)
    return None


async def list_tokens(context: Context) -> list[Token]:
    rows = await context.database.read(records.all_tokens)
    return [
        Token(
            name=row.name,
            role=Role(row.role),
            contact=row.contact,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


async def revoke_token(context: Context, name: str) -> None:
    now = context.clock.now()
    if not await context.database.write(lambda connection: records.revoke_token(connection, name, now)):
        raise NotFound("token_unknown", f"There is no valid token named {name!r}.")


async def who(context: Context, token: str) -> Actor:
    """The actor behind a token: its contact where it has one, else the token itself. Raises Unauthorized."""

    def work(connection: Connection) -> Actor | None:
        row = records.token_by_digest(connection, digest(token))
        if row is None:
            return None
        config = context.revisions.current(connection).config
        contact = config.contacts.get(row.contact) if row.contact else None
        if contact is None:
            return Actor(kind=ActorKind.TOKEN, id=row.name, name=row.name, role=Role(row.role), via="api")
        return Actor(kind=ActorKind.PERSON, id=row.contact, name=contact.name, role=Role(row.role), via="api")

    actor = await context.database.read(work)
    if actor is None:
        raise Unauthorized("the token is unknown or revoked")
    return actor


def on_behalf(actor: Actor, config: Config, contact: str) -> Actor:
    """A program that acts for a person says so, and that is on record. It may do what both may."""
    known = config.contacts.get(contact)
    if known is None:
        raise NotFound("contact_unknown", f"{contact!r} is not in contacts.")
    role = known.role if actor.role.covers(known.role) else actor.role
    via = f"{actor.kind}:{actor.id}"
    return Actor(kind=ActorKind.PERSON, id=contact, name=known.name, role=role, via=via, through=actor.role)


def ensure_secret(connection: Connection) -> str:
    """The installation's own secret, made at first start; webhook keys are derived from it."""
    known = records.get_setting(connection, SECRET)
    if known is None:
        known = secrets.token_hex(32)
        records.put_setting(connection, SECRET, known)
    return known


def derived_key(secret: str, owner: str) -> str:
    """The same for ever, so that it can be shown again; worth nothing without the installation's secret. `owner` is
    like webhook:NAME or heartbeat:NAME."""
    return hmac.new(bytes.fromhex(secret), owner.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Digests:
    """Names by the digests of their keys, as one revision has them; 0: none has been read yet. Of the report page's key
    the digest alone. `folded`: by the digests of keys in lower case, of those that differ in more than case."""

    revision: int = 0
    integrations: Mapping[str, str] = field(default_factory=dict)
    folded: Mapping[str, str] = field(default_factory=dict)
    heartbeats: Mapping[str, str] = field(default_factory=dict)
    report_page: str | None = None


class Keys:
    """Which integration or heartbeat the key in an address belongs to, and whether it is the report page's. Compared
    by digest, in constant time."""

    def __init__(self, context: Context, resolve: ResolveSecret) -> None:
        self._context = context
        self._resolve = resolve
        self._known = Digests()

    async def url_keys(self) -> dict[str, tuple[str, str]]:
        """By integration: the source's kind and the key. For showing webhook addresses to an administrator."""
        return await self._context.database.write(self._of_integrations)

    async def heartbeat_keys(self) -> dict[str, str]:
        """By heartbeat: the key. For showing addresses to an administrator."""
        return await self._context.database.write(self._of_heartbeats)

    async def report_page_key(self) -> str | None:
        """For showing the address to an administrator; None where the page is off."""
        return await self._context.database.write(self._of_report_page)

    def _of_report_page(self, connection: Connection) -> str | None:
        page, secret = self._context.revisions.current(connection).config.report_page, ensure_secret(connection)
        return None if page is None else self._key(page.key, secret, REPORT_PAGE)

    def _of_integrations(self, connection: Connection) -> dict[str, tuple[str, str]]:
        config, secret = self._context.revisions.current(connection).config, ensure_secret(connection)
        return {
            name: (own.source, self._key(own.key, secret, f"webhook:{name}"))
            for name, own in config.integrations.items()
        }

    def _of_heartbeats(self, connection: Connection) -> dict[str, str]:
        config, secret = self._context.revisions.current(connection).config, ensure_secret(connection)
        return {name: self._key(own.key, secret, f"heartbeat:{name}") for name, own in config.heartbeats.items()}

    def _key(self, given: SecretStr | SecretRef | None, secret: str, owner: str) -> str:
        return derived_key(secret, owner) if given is None else self._resolve(given).get_secret_value()

    async def find(self, source: str, key: str) -> tuple[str, Integration, Revision]:
        """The integration's name, itself, and the revision in force. Raises Unauthorized."""
        revision = await self._in_force()
        return self._integration(self._known.integrations.get(digest(key)), source, revision)

    async def find_folded(self, source: str, key: str) -> tuple[str, Integration, Revision]:
        """The same for a key out of a mail's address, which may have lost its case on the way. Raises Unauthorized."""
        revision = await self._in_force()
        known = self._known
        name = known.integrations.get(digest(key)) or known.folded.get(digest(key.lower()))
        return self._integration(name, source, revision)

    def _integration(self, name: str | None, source: str, revision: Revision) -> tuple[str, Integration, Revision]:
        integration = revision.config.integrations.get(name) if name else None
        if name is None or integration is None or integration.source != source:
            raise Unauthorized("no integration of this source has this key")
        return name, integration, revision

    async def known(self, key: str) -> bool:
        """Whether any integration has it, of whatever source."""
        await self._in_force()
        return digest(key) in self._known.integrations

    async def among(self, words: Iterable[str]) -> frozenset[str]:
        """Those of them that are some integration's key, in whatever case."""
        await self._in_force()
        exact, folded = self._known.integrations, self._known.folded
        return frozenset(word for word in words if digest(word) in exact or digest(word.lower()) in folded)

    async def find_heartbeat(self, key: str) -> str:
        """Its name. Raises Unauthorized."""
        await self._in_force()
        name = self._known.heartbeats.get(digest(key))
        if name is None:
            raise Unauthorized("no heartbeat has this key")
        return name

    async def find_report_page(self, key: str) -> Config:
        """The configuration in force, which has a page. Raises NotFound where the page is off, Unauthorized."""
        config = (await self._in_force()).config
        if config.report_page is None:
            raise NotFound(
                "report_page_off", "There is no report page here; `report_page` in tocsin.yaml switches it on."
            )
        known = self._known.report_page
        if known is None or not hmac.compare_digest(known, digest(key)):
            raise Unauthorized("this is not the address of the report page")
        return config

    async def _in_force(self) -> Revision:
        """The keys are read once for each revision, and again while one of them can't be read."""
        revisions = self._context.revisions
        revision = revisions.seen
        if revision is None:
            revision = await self._context.database.read(revisions.current)
        if self._known.revision != revision.id:
            self._known = await self._context.database.write(self._digests)
        return revision

    def _digests(self, connection: Connection) -> Digests:
        revision, secret = self._context.revisions.current(connection), ensure_secret(connection)
        config = revision.config
        integrations = self._readable("webhook:", config.integrations, secret)
        heartbeats = self._readable("heartbeat:", config.heartbeats, secret)
        pages = {REPORT_PAGE: config.report_page} if config.report_page else {}
        page = self._readable("", pages, secret)
        wanted = len(config.integrations) + len(config.heartbeats) + len(pages)
        whole = len(integrations) + len(heartbeats) + len(page) == wanted
        return Digests(
            revision=revision.id if whole else 0,
            integrations=_digested(integrations),
            folded=_folded(integrations),
            heartbeats=_digested(heartbeats),
            report_page=next(iter(_digested(page)), None),
        )

    def _readable(
        self, what: str, entries: Mapping[str, Integration | Heartbeat | ReportPage], secret: str
    ) -> dict[str, str]:
        """Keys by name. One that can't be read lets nobody in, and keeps nobody else out."""
        found = {}
        for name, entry in entries.items():
            try:
                found[name] = self._key(entry.key, secret, f"{what}{name}")
            except SettingsError as error:
                log.warning("key.unreadable", owner=f"{what}{name}", error=str(error))
        return found


def _digested(keys: Mapping[str, str]) -> dict[str, str]:
    return {digest(key): name for name, key in keys.items()}


def _folded(keys: Mapping[str, str]) -> dict[str, str]:
    """Where two keys differ in nothing but case, only the exact one is good."""
    counted = Counter(key.lower() for key in keys.values())
    return {digest(key.lower()): name for name, key in keys.items() if counted[key.lower()] == 1}
