"""What is deleted is older than its rule and nobody's any more; what is both is deleted."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, insert, select

from contract.deadlines import Label
from gateway.store import retention, tables
from gateway.store.retention import Period, RetentionFileError, RetentionRules, What, apply_retention
from gateway.store.rows import instant_text
from gateway.store.work import COMPLETE, NOTIFY
from runtime.database import Database

NOW = datetime(2040, 3, 31, 20, tzinfo=UTC)
SHIPPED = Path(retention.__file__).parents[1] / "data" / "retention.json"
DAY = timedelta(days=1)

# --- The file ---


def test_the_shipped_rules_say_how_long_on_what_and_that_nobody_confirmed_them() -> None:
    rules = RetentionRules.load()
    assert {rule.what for rule in rules.rules} == set(What)
    for rule in rules.rules:
        assert not rule.verified
        assert rule.source
        assert rule.effective_from == date(2026, 11, 22)
    [audit] = [rule for rule in rules.rules if rule.what is What.AUDIT]
    assert audit.at_least is not None
    assert (audit.at_least.keep, audit.at_least.label) == (Period(months=6), Label.STATUTORY)


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    document = json.loads(SHIPPED.read_text("utf-8"))
    change(document)
    path = folder / "retention.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "the audit for less than the law says": (
        lambda file: file["rules"][0].update(keep={"months": 5, "days": 0}),
        "expected audit kept for",
    ),
    "as many days as six short months": (lambda file: file["rules"][0].update(keep={"days": 181}), "expected audit"),
    "counted from elsewhere": (lambda file: file["rules"][1].update(counted_from="written"), "from last_event"),
    "for no time": (lambda file: file["rules"][2].update(keep={"months": 0}), "months or days"),
    "months and days": (lambda file: file["rules"][2].update(keep={"months": 1, "days": 1}), "months or days"),
    "backwards": (lambda file: file["rules"][2].update(keep={"days": -1}), "greater than or equal to 0"),
    "twice from one day": (lambda file: file["rules"].append(file["rules"][1]), "begin on the same day"),
    "something else": (lambda file: file["rules"][0].update(what="epochs"), r"what"),
    "another label": (lambda file: file["rules"][0].update(label="惯例"), r"label"),
    "more than is known": (lambda file: file["rules"][0].update(note="x"), "Extra inputs"),
    "no source": (lambda file: file["rules"][0].pop("source"), "source"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_rules_that_cannot_hold_are_refused(tmp_path: Path, wrong: str) -> None:
    change, why = WRONG[wrong]
    with pytest.raises(RetentionFileError, match=why):
        RetentionRules.load(changed(tmp_path, change))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("")
    for name in ("empty.json", "missing.json"):
        with pytest.raises(RetentionFileError, match=name):
            RetentionRules.load(tmp_path / name)


def test_the_newest_rule_that_holds_already_counts(tmp_path: Path) -> None:
    def longer_from_2027(document: dict[str, Any]) -> None:
        document["rules"].append(document["rules"][0] | {"keep": {"months": 60}, "effective_from": "2027-01-01"})

    rules = RetentionRules.load(changed(tmp_path, longer_from_2027))
    last_of_2026, first_of_2027 = (datetime(2026, 12, 31, hour, tzinfo=UTC) for hour in (15, 16))
    assert rules.cuts(last_of_2026)[What.AUDIT] == datetime(2023, 12, 31, 15, tzinfo=UTC)
    assert rules.cuts(first_of_2027)[What.AUDIT] == datetime(2021, 12, 31, 16, tzinfo=UTC)
    assert rules.cuts(datetime(2026, 11, 21, tzinfo=UTC) - DAY) == {}


@given(
    st.datetimes(datetime(2027, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # the zone is beside it
    st.integers(1, 600),
)
def test_so_many_months_before_are_never_fewer(at: datetime, months: int) -> None:
    before = Period(months=months).before(at)
    assert at - before >= 28 * months * DAY
    assert at - before <= (31 * months + 3) * DAY
    if at.day <= 27:  # in China too
        assert (before.astimezone(UTC).hour, before.minute) == (at.hour, at.minute)


def test_a_month_that_lacks_the_day_ends_earlier() -> None:
    china_noon = datetime(2026, 8, 31, 4, tzinfo=UTC)
    assert Period(months=6).before(china_noon) == datetime(2026, 2, 28, 4, tzinfo=UTC)


# --- Deleting ---


@pytest.fixture
async def store(database: Database) -> Database:
    await tables.prepare(database, clock=lambda: NOW - 10_000 * DAY)
    return database


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 3)


class History:
    """Rows of a gateway's life, made up by a seed. Each knows its own instant."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in tables.metadata.sorted_tables}
        self.seed = seed

    def make(self) -> None:
        for number in range(24):
            self._request(number)
        ancient = instant_text(NOW - 6000 * DAY)
        self._add("requests", request_id="ancient", state="OPEN", opened_at=ancient, idempotency_key="ancient")
        self._add("requests", request_id="done", state="SEALED", opened_at=ancient, ended_at=ancient)
        self._add("reports", report_number="done", request_id="done", issued_at=ancient)
        self._add("standings", report_number="done", at=ancient)
        self._add("revocations", proposal=1000, report_number="done", proposed_at=ancient)
        self._add("revocation_ends", proposal=1000, at=ancient)
        for number in range(12):
            self._add("changes", statement_id=f"c{number}".encode(), received_at=self._some_time(), province=11)
            self._add("audit", at=self._some_time())
            self._add(
                "code_tries", report_number=f"n{number}", since=instant_text(NOW - self.random.random() * 3 * DAY)
            )
        self._add("coverages", statement_id=b"coverage")
        self._add("transfers", statement_id=b"transfer", at=instant_text(NOW - 9000 * DAY))
        self._add("report_numbers", day="2001-01-01")

    def _some_time(self, after: str = "") -> str:
        """From fifteen years ago up to now, often close to a cut."""
        near = [NOW - timedelta(days=days) for days in (0, 365 * 3, 365 * 10)]
        about = self.random.choice([*near, NOW - self.random.random() * 15 * 365 * DAY])
        chosen = instant_text(min(about + self.random.uniform(-60, 60) * DAY, NOW))
        return max(chosen, after)

    def _add(self, table: str, **values: object) -> dict[str, Any]:
        row = {column.name: values.get(column.name, _filler(column)) for column in tables.metadata.tables[table].c}
        if "id" in row and "id" not in values:
            row["id"] = 1001 + len(self.rows[table])  # what the database numbers by itself begins with 1
        self.rows[table].append(row)
        return row

    def _request(self, number: int) -> None:
        name = f"{self.seed}-{number}"
        state = self.random.choice(
            ["OPEN", "SEALED", "SEALED", "CLOSED_INCOMPLETE", "CANCELLED", "AUTHORISATION_ENDED"]
        )
        opened = self._some_time()
        ended = "" if state == "OPEN" else self._some_time(after=opened)
        self._add("requests", request_id=name, state=state, opened_at=opened, ended_at=ended, idempotency_key=name)
        for attempt in range(self.random.randrange(3)):
            sent = self._some_time(after=opened) if self.random.random() < 0.1 else opened
            query = f"{name}/{attempt}".encode()
            self._add("queries", statement_id=query, request_id=name, attempt=attempt, sent_at=sent)
            if self.random.random() < 0.8:
                late = self.random.random() < 0.1
                self._add(
                    "outcomes", query_id=query, at=self._some_time(after=sent) if late else max(sent, ended or sent)
                )
        if state == "SEALED":
            self._report(name, ended)
        if self.random.random() < 0.2:
            self._notice(name, self._some_time())
        if state == "OPEN" or self.random.random() < 0.1:
            self._add("work", id=len(self.rows["work"]) + 1, kind=COMPLETE, reference=name)

    def _report(self, request: str, issued: str) -> None:
        number = f"R{request}"
        codes = {"statement_id": number.encode(), "verification_code": number}
        self._add("reports", report_number=number, request_id=request, issued_at=issued, **codes)
        for cause in range(self.random.randrange(3)):
            change = self.random.choice([f"c{self.random.randrange(12)}".encode(), f"clock{cause}".encode()])
            if not any((row["report_number"], row["cause_id"]) == (number, change) for row in self.rows["standings"]):
                at = self._some_time(after=issued) if self.random.random() < 0.2 else issued
                self._add("standings", report_number=number, cause_id=change, at=at)
        if self.random.random() < 0.3:
            proposed = self._some_time(after=issued)
            proposal = len(self.rows["revocations"]) + 1
            self._add("revocations", proposal=proposal, report_number=number, proposed_at=proposed)
            if self.random.random() < 0.5:
                self._add("revocation_ends", proposal=proposal, at=self._some_time(after=proposed))
        if self.random.random() < 0.3:
            self._notice(request, self._some_time(after=issued), number)

    def _notice(self, request: str, at: str, number: str = "") -> None:
        notice = self._add("notices", request_id=request, report_number=number, at=at)
        if self.random.random() < 0.1:
            self._add("work", id=len(self.rows["work"]) + 1, kind=NOTIFY, reference=str(notice["id"]))

    async def write(self, database: Database) -> None:
        async with database.write() as connection:
            for table in tables.metadata.sorted_tables:
                if self.rows[table.name]:
                    await connection.execute(insert(table), self.rows[table.name])


def _filler(column: Any) -> object:
    fillers: dict[type, object] = {bool: False, int: 1, bytes: b"", str: ""}
    return fillers[column.type.python_type]


class Expected:
    """What must be there afterwards, found in another way than by the statements: row by row."""

    def __init__(self, rows: dict[str, list[dict[str, Any]]], cuts: dict[What, datetime]) -> None:
        self.rows = rows
        self.cuts = {what: instant_text(cut) for what, cut in cuts.items()}
        self.left = {name: list(there) for name, there in rows.items()}

    def compute(self) -> dict[str, list[dict[str, Any]]]:
        cut = self.cuts
        told = {row["reference"] for row in self.rows["work"] if row["kind"] == NOTIFY}
        self._drop("notices", lambda row: row["at"] < cut[What.NOTICES] and str(row["id"]) not in told)
        for request in self.rows["requests"]:
            self._weigh(request)
        used = {row["cause_id"] for row in self.left["standings"]}
        self._drop("changes", lambda row: row["received_at"] < cut[What.CHANGES] and row["statement_id"] not in used)
        self._drop("code_tries", lambda row: row["since"] < cut[What.CODE_TRIES])
        self._drop("audit", lambda row: row["at"] < cut[What.AUDIT])
        return self.left

    def _weigh(self, request: dict[str, Any]) -> None:
        name = request["request_id"]
        if request["state"] == "OPEN":
            return
        if any(row["request_id"] == name for row in self.left["notices"]):
            return
        if any((row["kind"], row["reference"]) == (COMPLETE, name) for row in self.rows["work"]):
            return
        queries = [row for row in self.rows["queries"] if row["request_id"] == name]
        ids = {row["statement_id"] for row in queries}
        outcomes = [row for row in self.rows["outcomes"] if row["query_id"] in ids]
        instants = [row["sent_at"] for row in queries] + [row["at"] for row in outcomes]
        reports = [row for row in self.rows["reports"] if row["request_id"] == name]
        numbers = {row["report_number"] for row in reports}
        standings = [row for row in self.rows["standings"] if row["report_number"] in numbers]
        proposals = [row for row in self.rows["revocations"] if row["report_number"] in numbers]
        ends = [row for row in self.rows["revocation_ends"] if row["proposal"] in {p["proposal"] for p in proposals}]
        if reports:
            instants += [row["issued_at"] for row in reports] + [row["proposed_at"] for row in proposals]
            instants += [row["at"] for row in (*standings, *ends)]
            cut = self.cuts[What.REPORTS]
        else:
            instants.append(request["ended_at"])
            cut = self.cuts[What.UNISSUED_REQUESTS]
        if max(instants) >= cut:
            return
        gone = [request, *queries, *outcomes, *reports, *standings, *proposals, *ends]
        for there in self.left.values():
            there[:] = [row for row in there if not any(row is one for one in gone)]

    def _drop(self, table: str, which: Callable[[dict[str, Any]], bool]) -> None:
        self.left[table] = [row for row in self.left[table] if not which(row)]


async def all_rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    async with database.read() as connection:
        return {table.name: await _rows(connection, table) for table in tables.metadata.sorted_tables}


async def _rows(connection: Any, table: Table) -> list[dict[str, Any]]:
    return sorted((dict(row) for row in (await connection.execute(select(table))).mappings()), key=repr)


OURS = {"retention_cuts", "epochs", "audit"}
"""Tables that a run itself writes to, or that the preparing did."""


@pytest.mark.parametrize("seed", range(4))
async def test_what_goes_is_older_than_its_rule_and_nobodys_and_nothing_else_goes(
    store: Database, small_batches: None, seed: int
) -> None:
    del small_batches
    history = History(seed)
    history.make()
    await history.write(store)
    rules = RetentionRules.load()
    counts = await apply_retention(store, rules, NOW)
    left = await all_rows(store)
    expected = Expected(history.rows, rules.cuts(NOW)).compute()
    for name, there in expected.items():
        if name not in OURS:
            assert left[name] == sorted(there, key=repr), name
    [told] = [row for row in left["audit"] if row["action"] == "retention"]
    assert [row for row in left["audit"] if row is not told] == sorted(expected["audit"], key=repr)
    assert (told["result"], told["at"]) == ("rules 2026-11", instant_text(NOW))
    gone = {name: len(rows) - len(expected[name]) for name, rows in history.rows.items()}
    assert {name: number for name, number in counts.items() if number} == {n: c for n, c in gone.items() if c}
    assert gone["requests"] > gone["reports"] > 0
    assert "ancient" in {row["request_id"] for row in left["requests"]}


async def test_a_second_run_finds_nothing_and_cuts_never_move_back(store: Database) -> None:
    history = History(7)
    history.make()
    await history.write(store)
    rules = RetentionRules.load()
    await apply_retention(store, rules, NOW)
    once = await all_rows(store)
    assert not any((await apply_retention(store, rules, NOW - 400 * DAY)).values())
    again = await all_rows(store)
    assert {name: rows for name, rows in again.items() if name != "audit"} == {
        name: rows for name, rows in once.items() if name != "audit"
    }
    cuts = {row["table_name"]: row["cut"] for row in again["retention_cuts"]}
    assert set(cuts) == set(tables.INSTANTS)
    assert max(cuts.values()) == cuts["queries"] == instant_text(rules.cuts(NOW)[What.UNISSUED_REQUESTS])


async def test_before_any_rule_holds_nothing_goes(store: Database) -> None:
    history = History(1)
    history.make()
    await history.write(store)
    counts = await apply_retention(store, RetentionRules.load(), datetime(2026, 11, 21, tzinfo=UTC))
    left = await all_rows(store)
    assert counts == {}
    assert {name: len(rows) for name, rows in left.items() if name not in OURS} == {
        name: len(rows) for name, rows in history.rows.items() if name not in OURS
    }


async def test_the_cuts_are_told_before_anything_goes(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(2)
    history.make()
    await history.write(store)

    async def die(*_: object) -> bool:
        raise LookupError

    monkeypatch.setattr(retention, "_one_batch", die)
    with pytest.raises(LookupError):
        await apply_retention(store, RetentionRules.load(), NOW)
    left = await all_rows(store)
    assert len(left["audit"]) == len(history.rows["audit"]) + 1
    assert len(left["reports"]) == len(history.rows["reports"])
    assert left["retention_cuts"]
