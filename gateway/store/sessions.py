"""People who logged in, logins that are under way, and sessions.

- Nothing that opens a door is kept as it is: of the state, the browser's cookie and the session's cookie only the SHA-256.
- A login is deleted in the moment it is looked at: whoever comes second finds nothing, also at another replica.
- A session is never taken up again: it has ended once `ended_at` says so, and what would bring it back changes no row.
- Who logged in, and how each session ended, stands in the audit, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.persons import PersonRef
from gateway.store import tables
from gateway.store.rows import Action, AuditRow, audit, dialect, instant, instant_text
from huren.common.v1 import common_pb2
from runtime.database import Database

LOGIN: Final = Action("login")
LOGOUT: Final = Action("logout")


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunLogin:
    """A login that has not come back yet.

    Attributes:
        state_digest: SHA-256 of its state.
        browser_digest: SHA-256 of the cookie of the browser that began it.
        nonce: What the ID token has to hold.
        code_verifier: What the code is exchanged with.
        return_to: Where the person goes on afterwards: a local path.
        channel: By which way they came.
        begun_at: When.
    """

    state_digest: bytes
    browser_digest: bytes
    nonce: str
    code_verifier: str
    return_to: str
    channel: common_pb2.Channel.ValueType
    begun_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as it is kept.

    Attributes:
        session_digest: SHA-256 of its cookie.
        session_name: Its name for people and for the audit.
        person: Whose.
        provider_session: SHA-256 of the provider's name of it; empty: it has none.
        csrf_token: What a request that changes something has to carry.
        claims: What the provider said of the person, as `gateway.identity.sessions` writes it.
        channel: By which way they came.
        begun_at: When they logged in.
        seen_at: When they were last seen, to about a minute.
        expires_at: When it ends at the latest.
    """

    session_digest: bytes
    session_name: str
    person: PersonRef
    provider_session: bytes
    csrf_token: str
    claims: bytes
    channel: common_pb2.Channel.ValueType
    begun_at: datetime
    seen_at: datetime
    expires_at: datetime


_INSTANTS: Final = frozenset({"begun_at", "seen_at", "expires_at"})
_LOGIN_FIELDS: Final = tuple(field.name for field in fields(BegunLogin))
_SESSION_FIELDS: Final = tuple(field.name for field in fields(StoredSession))


class SessionStore:
    """The SQL of logins and sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- Logins -------------------------------------------------------------------------------------------------------

    async def begin_login(self, login: BegunLogin) -> None:
        """Keeps a login that was begun."""
        async with self._database.write() as connection:
            await connection.execute(insert(tables.logins).values(_row(login, _LOGIN_FIELDS)))

    async def take_login(self, state_digest: bytes) -> BegunLogin | None:
        """Gives a login and deletes it: nobody gets it again."""
        table = tables.logins
        taken = delete(table).where(table.c.state_digest == state_digest).returning(*table.c)
        async with self._database.write() as connection:
            row = (await connection.execute(taken)).mappings().one_or_none()
        return None if row is None else BegunLogin(**_values(row, _LOGIN_FIELDS))

    # --- People and sessions ------------------------------------------------------------------------------------------

    async def begin(self, session: StoredSession, *, subject_digest: bytes, replaced: bytes = b"") -> StoredSession:
        """Keeps a session. Somebody who was here before keeps the name that they have here.

        Args:
            session: The session; `person` is the name of whoever has none yet.
            subject_digest: SHA-256 of issuer and subject identifier.
            replaced: Digest of the session that the browser had until now, which ends.

        Returns:
            The session with the person's name.
        """
        async with self._database.write() as connection:
            person = await _person(connection, subject_digest, session.person, session.begun_at)
            row = _row(session, _SESSION_FIELDS) | {"person": person, "ended_at": "", "end_reason": ""}
            if replaced:
                await _end(connection, tables.sessions.c.session_digest == replaced, "replaced", session.begun_at)
            await connection.execute(insert(tables.sessions).values(row))
            await audit(connection, (_line(LOGIN, person, "logged in", session.begun_at),))
        return StoredSession(**_values(row, _SESSION_FIELDS))

    async def find(self, session_digest: bytes) -> StoredSession | None:
        """A session that was not ended; whether its time is over is for others to say."""
        table = tables.sessions
        found = select(table).where(table.c.session_digest == session_digest, table.c.ended_at == "")
        async with self._database.read() as connection:
            row = (await connection.execute(found)).mappings().one_or_none()
        return None if row is None else StoredSession(**_values(row, _SESSION_FIELDS))

    async def of(self, person: PersonRef) -> list[StoredSession]:
        """A person's sessions that were not ended, newest first."""
        table = tables.sessions
        found = (
            select(table)
            .where(table.c.person == person, table.c.ended_at == "")
            .order_by(table.c.begun_at.desc(), table.c.session_name)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(found)).mappings().all()
        return [StoredSession(**_values(row, _SESSION_FIELDS)) for row in rows]

    async def seen(self, session_digest: bytes, *, at: datetime, before: datetime) -> None:
        """Notes that a session was used at an instant, if the last note is older than another."""
        table = tables.sessions
        noted = (
            update(table)
            .where(
                table.c.session_digest == session_digest,
                table.c.ended_at == "",
                table.c.seen_at <= instant_text(before),
            )
            .values(seen_at=instant_text(at))
        )
        async with self._database.write() as connection:
            await connection.execute(noted)

    async def end(self, session_digest: bytes, *, reason: str, at: datetime) -> bool:
        """Ends the session with a cookie. Gives whether there was one."""
        async with self._database.write() as connection:
            return bool(await _end(connection, tables.sessions.c.session_digest == session_digest, reason, at))

    async def end_named(self, person: PersonRef, session_name: str, *, reason: str, at: datetime) -> bool:
        """Ends one of a person's sessions. Gives whether there was one."""
        table = tables.sessions
        which = and_(table.c.person == person, table.c.session_name == session_name)
        async with self._database.write() as connection:
            return bool(await _end(connection, which, reason, at))

    async def end_all(self, person: PersonRef, *, reason: str, at: datetime) -> int:
        """Ends all of a person's sessions. Gives how many."""
        async with self._database.write() as connection:
            return await _end(connection, tables.sessions.c.person == person, reason, at)

    async def end_at_provider(
        self, token_digest: bytes, *, provider_session: bytes, subject_digest: bytes, at: datetime
    ) -> int | None:
        """Ends the sessions of whoever logged out at the provider.

        Args:
            token_digest: SHA-256 of issuer and name of the logout token.
            provider_session: SHA-256 of the provider's session; empty: all of the subject's.
            subject_digest: SHA-256 of issuer and subject identifier; empty: whoever has the session.
            at: Now.

        Returns:
            How many; None: the token was seen before, and nothing was done.
        """
        table, persons = tables.sessions, tables.persons
        conditions: list[ColumnElement[bool]] = []
        if provider_session:
            conditions.append(table.c.provider_session == provider_session)
        if subject_digest:
            known = select(persons.c.person).where(persons.c.subject_digest == subject_digest)
            conditions.append(table.c.person.in_(known))
        if not conditions:
            raise RuntimeError("expected a session or a subject")
        async with self._database.write() as connection:
            if not await _is_first(connection, token_digest, at):
                return None
            return await _end(connection, and_(*conditions), "logged out at the provider", at)

    async def forget(self, *, logins_before: datetime, sessions_before: datetime, tokens_before: datetime) -> None:
        """Deletes what counts no more: logins that never came back, sessions whose time is over, old logout tokens."""
        async with self._database.write() as connection:
            for column, before in (
                (tables.logins.c.begun_at, logins_before),
                (tables.sessions.c.expires_at, sessions_before),
                (tables.logout_tokens.c.at, tokens_before),
            ):
                await connection.execute(delete(column.table).where(column <= instant_text(before)))


async def _person(connection: AsyncConnection, subject_digest: bytes, name: PersonRef, at: datetime) -> PersonRef:
    table = tables.persons
    row = {"person": name, "subject_digest": subject_digest, "first_seen_at": instant_text(at)}
    added = dialect(connection).insert(table).values(row).on_conflict_do_nothing(index_elements=["subject_digest"])
    await connection.execute(added)
    found = select(table.c.person).where(table.c.subject_digest == subject_digest)
    return PersonRef((await connection.execute(found)).scalar_one())


async def _is_first(connection: AsyncConnection, token_digest: bytes, at: datetime) -> bool:
    table = tables.logout_tokens
    added = (
        dialect(connection)
        .insert(table)
        .values(token_digest=token_digest, at=instant_text(at))
        .on_conflict_do_nothing(index_elements=["token_digest"])
        .returning(table.c.at)
    )
    return (await connection.execute(added)).one_or_none() is not None


async def _end(connection: AsyncConnection, which: ColumnElement[bool], reason: str, at: datetime) -> int:
    table = tables.sessions
    ended = (
        update(table)
        .where(which, table.c.ended_at == "")
        .values(ended_at=instant_text(at), end_reason=reason)
        .returning(table.c.person)
    )
    persons: Iterable[PersonRef] = (await connection.execute(ended)).scalars().all()
    lines = [_line(LOGOUT, person, reason, at) for person in persons]
    await audit(connection, lines)
    return len(lines)


def _line(action: Action, person: PersonRef, result: str, at: datetime) -> AuditRow:
    return AuditRow(at=at, action=action, result=result, caller=f"person:{person}")


def _row(value: object, names: Iterable[str]) -> dict[str, Any]:
    found = {name: getattr(value, name) for name in names}
    return {name: instant_text(item) if name in _INSTANTS else item for name, item in found.items()}


def _values(row: RowMapping | dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: instant(row[name]) if name in _INSTANTS else row[name] for name in names}
