"""Errors of feeds.

PlumbingError
└── FeedError
    ├── SubscriberUnavailableError   (may_retry, retry_after)  a push got no answer, or was refused
    ├── SubscriberStuckError                                   a subscriber answers, and does not go on
    ├── EntriesLostError                                       a subscriber has entries that the publisher has not
    ├── FeedStatementRefusedError                              a handler cannot apply a statement, now or later
    └── SubscriberBehindError                                  this subscriber cannot apply a statement yet
"""

from __future__ import annotations

from datetime import timedelta

from runtime.errors import PlumbingError


class FeedError(PlumbingError):
    """Root of the errors of feeds."""


class SubscriberUnavailableError(FeedError):
    """A push got no answer, or the subscriber refused it. What it took before is committed there.

    Attributes:
        may_retry: Whether the same again may help without anybody doing something.
        retry_after: Not earlier than this, when the subscriber says so.
    """

    def __init__(self, detail: str, *, may_retry: bool = True, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.may_retry = may_retry
        self.retry_after = retry_after


class SubscriberStuckError(FeedError):
    """A subscriber took nothing of what comes next after its own answer. Pushing the same on and on would change nothing."""


class EntriesLostError(FeedError):
    """A subscriber has entries of this epoch that the publisher does not have: the database was set back without a new epoch."""


class FeedStatementRefusedError(FeedError):
    """A handler cannot apply a statement, and could not later either. The entry is parked with the message as its reason."""


class SubscriberBehindError(FeedError):
    """This subscriber lacks what it takes to apply a statement: a catalogue, a key, a release. Nothing is moved; it comes again."""
