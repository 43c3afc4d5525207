"""The services for people and programs over HTTP, in one value: both the REST API and the pages stand on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.api.ports import (
    AccessTokens,
    Acting,
    Agents,
    BatchService,
    DurableWork,
    GrantService,
    Login,
    LookUps,
    Notices,
    OpenRequests,
    Overview,
    ReportFiles,
    ReportService,
    Sessions,
    StandingService,
    Summaries,
    WindowMandates,
)
from gateway.api.shares import Shares
from runtime.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleParts:
    """What the REST API stands on, and the pages for people who log in.

    Attributes:
        login: Logs people in.
        sessions: Their sessions.
        tokens: Tokens of programs.
        acting: For whom people may act.
        agents: Mandates of agents.
        window_mandates: Paper mandates.
        grants: Grants.
        look_ups: Who asked.
        batches: Many reports at once.
        reports: Requests and reports.
        standing: Where reports stand.
        files: Reports as files.
        overview: Lists of them.
        open_requests: What waits, for officers.
        work: Durable work, for administrators.
        notices: What the home told.
        summaries: What a report says, in short: `comparison_of` with the home's verifier.
        public_url: Under which address browsers see us.
        clock: Now.
        shares: How often who may ask.
    """

    login: Login
    sessions: Sessions
    tokens: AccessTokens
    acting: Acting
    agents: Agents
    window_mandates: WindowMandates
    grants: GrantService
    look_ups: LookUps
    batches: BatchService
    reports: ReportService
    standing: StandingService
    files: ReportFiles
    overview: Overview
    open_requests: OpenRequests
    work: DurableWork
    notices: Notices
    summaries: Summaries
    public_url: Callable[[], str]
    clock: Clock
    shares: Shares
