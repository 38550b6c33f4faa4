"""What surrounds the incidents: revisions, tokens, settings, playbook steps, actions, answers, frozen reports."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from engine.core.draft import Tickmark
from engine.core.model import ActionItem
from engine.db.tables import action_items, answers, playbooks, reports, revisions, settings, ticks, tokens

# Written once: at each command and tick, building a statement costs five times what running it does.
LATEST = select(func.max(revisions.c.id))
SETTING = select(settings.c.value).where(settings.c.name == bindparam("setting"))
PLAYBOOK = select(playbooks.c.document).where(playbooks.c.id == bindparam("number"))
TICKS = select(ticks).where(ticks.c.incident_id.in_(bindparam("ids", expanding=True)))
ACTIONS = (
    select(action_items)
    .where(action_items.c.incident_id.in_(bindparam("ids", expanding=True)))
    .order_by(action_items.c.id)
)


def latest_revision_id(connection: Connection) -> int | None:
    found: int | None = connection.execute(LATEST).scalar()
    return found


def revision(connection: Connection, number: int) -> Row[Any] | None:
    return connection.execute(select(revisions).where(revisions.c.id == number)).first()


def add_revision(connection: Connection, *, applied_at: datetime, applied_by: str, digest: str, document: str) -> int:
    row = {"applied_at": applied_at, "applied_by": applied_by, "digest": digest, "document": document}
    number: int = connection.execute(insert(revisions).values(**row).returning(revisions.c.id)).scalar_one()
    return number


def get_setting(connection: Connection, name: str) -> str | None:
    return connection.execute(SETTING, {"setting": name}).scalar()


def put_setting(connection: Connection, name: str, value: str) -> None:
    if not connection.execute(update(settings).where(settings.c.name == name).values(value=value)).rowcount:
        connection.execute(insert(settings).values(name=name, value=value))


def keep_playbook(connection: Connection, number: str, document: str) -> None:
    """Once; a playbook under this id never changes."""
    if not connection.execute(select(playbooks.c.id).where(playbooks.c.id == number)).first():
        connection.execute(insert(playbooks).values(id=number, document=document))


def playbook(connection: Connection, number: str) -> str | None:
    """The document of one playbook version."""
    return connection.execute(PLAYBOOK, {"number": number}).scalar()


def ticks_of(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, Tickmark]]:
    """By incident, then by step."""
    found: dict[int, dict[str, Tickmark]] = {number: {} for number in ids}
    for row in connection.execute(TICKS, {"ids": list(ids)}) if ids else ():
        mark = Tickmark(step=row.step, done_at=row.done_at, done_by=row.done_by, note=row.note)
        found[row.incident_id][row.step] = mark
    return found


def tick(connection: Connection, incident: int, mark: Tickmark) -> None:
    columns = {"done_at": mark.done_at, "done_by": mark.done_by, "note": mark.note}
    place = update(ticks).where(ticks.c.incident_id == incident, ticks.c.step == mark.step)
    if not connection.execute(place.values(**columns)).rowcount:
        connection.execute(insert(ticks).values(incident_id=incident, step=mark.step, **columns))


def add_actions(connection: Connection, incident: int, items: Sequence[ActionItem], now: datetime) -> None:
    rows = [
        {"incident_id": incident, "what": item.what, "owner": item.owner, "due_on": item.due_on, "created_at": now}
        for item in items
    ]
    if rows:
        connection.execute(insert(action_items), rows)


def actions_of(connection: Connection, ids: Collection[int]) -> dict[int, tuple[ActionItem, ...]]:
    """By incident. An action that was named again, as with its owner, counts as it was named last."""
    found: dict[int, dict[str, ActionItem]] = {number: {} for number in ids}
    for row in connection.execute(ACTIONS, {"ids": list(ids)}) if ids else ():
        found[row.incident_id][row.what] = _action(row)
    return {number: tuple(own.values()) for number, own in found.items()}


def _action(row: Row[Any]) -> ActionItem:
    return ActionItem(what=row.what, owner=row.owner, due_on=row.due_on, done_at=row.done_at, done_by=row.done_by)


def finish_action(connection: Connection, incident: int, item: ActionItem) -> None:
    own = (action_items.c.incident_id == incident, action_items.c.what == item.what)
    connection.execute(update(action_items).where(*own).values(done_at=item.done_at, done_by=item.done_by))


def with_overdue_actions(connection: Connection, owner: str, today: str, limit: int) -> list[int]:
    """Incidents with an action of this owner that was to be done before `today` (as 2026-12-31) and is not, those that
    have waited longest first."""
    mine = (action_items.c.owner == owner, action_items.c.done_at.is_(None), action_items.c.due_on < today)
    oldest = func.min(action_items.c.due_on)
    query = select(action_items.c.incident_id).where(*mine).group_by(action_items.c.incident_id).order_by(oldest)
    return list(connection.execute(query.limit(limit)).scalars())


def add_token(connection: Connection, *, name: str, role: str, contact: str | None, digest: str, now: datetime) -> None:
    row = {"name": name, "role": role, "contact": contact, "digest": digest, "created_at": now, "revoked_at": None}
    connection.execute(insert(tokens).values(**row))


def put_token(connection: Connection, *, name: str, role: str, digest: str, now: datetime) -> None:
    """Makes the token, or gives an existing one of that name another secret."""
    columns = {"role": role, "digest": digest, "created_at": now, "revoked_at": None}
    if not connection.execute(update(tokens).where(tokens.c.name == name).values(**columns)).rowcount:
        connection.execute(insert(tokens).values(name=name, contact=None, **columns))


def token_by_digest(connection: Connection, digest: str) -> Row[Any] | None:
    return connection.execute(select(tokens).where(tokens.c.digest == digest, tokens.c.revoked_at.is_(None))).first()


def all_tokens(connection: Connection) -> list[Row[Any]]:
    return list(connection.execute(select(tokens).order_by(tokens.c.id)))


def revoke_token(connection: Connection, name: str, now: datetime) -> bool:
    place = update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
    return connection.execute(place.values(revoked_at=now)).rowcount == 1


def answer(connection: Connection, caller: str, key: str) -> Row[Any] | None:
    return connection.execute(select(answers).where(answers.c.caller == caller, answers.c.key == key)).first()


def keep_answer(
    connection: Connection, *, caller: str, key: str, request: str, status: int, body: str, now: datetime
) -> None:
    row = {"caller": caller, "key": key, "request": request, "status": status, "body": body, "created_at": now}
    connection.execute(insert(answers).values(**row))


def settle_answer(connection: Connection, *, caller: str, key: str, status: int, body: str) -> None:
    place = update(answers).where(answers.c.caller == caller, answers.c.key == key)
    connection.execute(place.values(status=status, body=body))


def drop_answers(connection: Connection, before: datetime) -> int:
    return connection.execute(delete(answers).where(answers.c.created_at < before)).rowcount


def freeze_report(connection: Connection, incident: int, generation: int, document: str, now: datetime) -> None:
    row = {"incident_id": incident, "generation": generation, "document": document, "created_at": now}
    connection.execute(insert(reports).values(**row))


def frozen_report(connection: Connection, incident: int) -> Row[Any] | None:
    query = select(reports).where(reports.c.incident_id == incident).order_by(reports.c.generation.desc()).limit(1)
    return connection.execute(query).first()
