"""Who may come in: API tokens (only their hashes are kept) and the webhook keys of integrations."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from engine.core.errors import NotFound, Refusal, Unauthorized
from engine.core.model import Actor, ActorKind, Role
from engine.core.policy import Config, Integration, Revision, SecretRef
from engine.db import records
from engine.services.context import Context

SECRET = "installation_secret"  # noqa: S105 - the name of a setting
ADMIN = "admin"
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


def derived_key(secret: str, integration: str) -> str:
    """The same for ever, so that it can be shown again; worth nothing without the installation's secret."""
    return hmac.new(bytes.fromhex(secret), f"webhook:{integration}".encode(), hashlib.sha256).hexdigest()[:32]


class Keys:
    """Which integration a webhook key belongs to. Compared by digest, in constant time."""

    def __init__(self, context: Context, resolve: ResolveSecret) -> None:
        self._context = context
        self._resolve = resolve
        self._known: tuple[int, dict[str, str]] = (0, {})

    async def url_keys(self) -> dict[str, tuple[str, str]]:
        """By integration: the source's kind and the key. For showing webhook addresses to an administrator."""
        return await self._context.database.write(self._all)

    def _all(self, connection: Connection) -> dict[str, tuple[str, str]]:
        config = self._context.revisions.current(connection).config
        secret = ensure_secret(connection)
        return {name: (own.source, self._key(name, own, secret)) for name, own in config.integrations.items()}

    def _key(self, name: str, integration: Integration, secret: str) -> str:
        if integration.key is None:
            return derived_key(secret, name)
        return self._resolve(integration.key).get_secret_value()

    async def find(self, source: str, key: str) -> tuple[str, Integration, Revision]:
        """The integration's name, itself, and the revision in force. Raises Unauthorized."""
        revision = await self._in_force()
        name = self._known[1].get(digest(key))
        integration = revision.config.integrations.get(name) if name else None
        if name is None or integration is None or integration.source != source:
            raise Unauthorized("no integration of this source has this key")
        return name, integration, revision

    async def known(self, key: str) -> bool:
        """Whether any integration has it, of whatever source."""
        await self._in_force()
        return digest(key) in self._known[1]

    async def _in_force(self) -> Revision:
        """The revision in force, whose keys are known then."""
        revisions = self._context.revisions
        revision = revisions.seen
        if revision is None:
            revision = await self._context.database.read(revisions.current)
        if self._known[0] != revision.id:
            keys = await self.url_keys()
            self._known = (revision.id, {digest(value): name for name, (_, value) in keys.items()})
        return revision
