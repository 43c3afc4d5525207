"""Suite policy: which suites a receiver accepts, from signers of which role, and when.

A suite that no rule names is not accepted. The policy is the receiver's; nothing in an envelope can widen it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from signing.errors import SuiteError, TrustStoreError
from signing.instants import nanoseconds
from signing.suites import suite_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRule:
    """Accepts one suite from one role between two instants, both included.

    Raises:
        TrustStoreError: The suite is not supported, or the period is none.
    """

    role: int
    """Value of `envelope_pb2.MemberRole`."""
    suite: int
    """Value of `envelope_pb2.Suite`."""
    accepted_from: datetime
    accepted_until: datetime | None = None
    """None: no end is set."""
    accepted_from_ns: int = field(init=False, repr=False, compare=False)
    """`accepted_from` as every verification compares it."""
    accepted_until_ns: int | None = field(init=False, repr=False, compare=False)
    """`accepted_until` as every verification compares it."""

    def __post_init__(self) -> None:
        try:
            suite_of(self.suite)
            begin = nanoseconds(self.accepted_from)
            end = None if self.accepted_until is None else nanoseconds(self.accepted_until)
        except (SuiteError, ValueError) as error:
            raise TrustStoreError(f"suite rule: {error}") from error
        if end is not None and end < begin:
            raise TrustStoreError("suite rule: accepted_until is before accepted_from")
        object.__setattr__(self, "accepted_from_ns", begin)
        object.__setattr__(self, "accepted_until_ns", end)

    def covers(self, *, role: int, suite: int, instant_ns: int) -> bool:
        """Says whether this rule accepts the suite from the role at the instant."""
        if (role, suite) != (self.role, self.suite) or instant_ns < self.accepted_from_ns:
            return False
        return self.accepted_until_ns is None or instant_ns <= self.accepted_until_ns


@dataclass(frozen=True, slots=True)
class SuitePolicy:
    """All rules; one that accepts is enough."""

    rules: tuple[SuiteRule, ...] = ()

    def accepts(self, *, role: int, suite: int, instant_ns: int) -> bool:
        """Says whether a signature of the suite, by a signer of the role, made at the instant (ns since 1970), is acceptable."""
        return any(rule.covers(role=role, suite=suite, instant_ns=instant_ns) for rule in self.rules)
