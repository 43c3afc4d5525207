"""Where a person is logged in (登录记录), and ending one of their logins."""

from __future__ import annotations

from collections.abc import Mapping

from contract.consent_words import CHANNELS
from gateway.api.parts import PeopleParts
from gateway.identity.sessions import IDLE
from gateway.portal.sections.terminal import TerminalSection
from gateway.portal.visit import Answer, Handler, SeeOther, View, Visit
from huren.common.v1 import common_pb2


class SessionsSection:
    """A person's own sessions."""

    def __init__(self, people: PeopleParts, leaving: TerminalSection) -> None:
        """Takes what it needs.

        Args:
            people: Their sessions.
            leaving: Logs out who ends the session in which they are.
        """
        self._sessions = people.sessions
        self._leaving = leaving

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"sessions": self.sessions, "end_session": self.end}

    async def sessions(self, visit: Visit) -> Answer:
        """All of them that have not ended."""
        return View(
            template="sessions/sessions.html",
            values={
                "logins": await self._sessions.of(visit.logged_in),
                "channels": CHANNELS,
                "terminal_s": round(IDLE[common_pb2.CHANNEL_TERMINAL].total_seconds()),
                "window_min": round(IDLE[common_pb2.CHANNEL_WINDOW].total_seconds() / 60),
            },
        )

    async def end(self, visit: Visit) -> Answer:
        """One of them. Whether there was one makes no difference: afterwards there is none."""
        if visit.path("session") == visit.logged_in.session_name:
            return await self._leaving.logout(visit)
        await self._sessions.end_named(visit.logged_in, visit.path("session"))
        return SeeOther(visit.url("sessions"))
