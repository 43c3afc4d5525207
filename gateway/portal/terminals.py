"""Terminals in halls (自助终端): somebody sits down after somebody else, and finds nothing of theirs.

- Whoever has touched nothing for `WARN_S` is asked whether they are still there; for `END_S`, is logged out (static/terminal.js).
  The server ends such a session after the same time, whatever the browser does (gateway/identity/sessions.py).
- Without scripts a page of such a session goes to the terminal's first page after `END_S`, whatever is done on it.
- Whoever goes on with a session that has ended by itself there comes to the terminal's first page, and logs in by its channel.
- A browser that logs out there drops all that it has of this site.

Source: product review, section 1, T10.
"""

from __future__ import annotations

from typing import Final

from gateway.domain.persons import Person
from gateway.identity.sessions import IDLE
from huren.common.v1 import common_pb2

END_S: Final = round(IDLE[common_pb2.CHANNEL_TERMINAL].total_seconds())
"""Seconds without a touch after which a session at a terminal ends."""

WARN_S: Final = 45
"""Seconds without a touch after which the person is asked. 系统默认."""


def is_at_terminal(person: Person) -> bool:
    """Whether somebody sits at a terminal."""
    return person.channel == common_pb2.CHANNEL_TERMINAL
