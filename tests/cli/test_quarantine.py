"""`huren quarantine`: what an officer reads, what goes into the file for a department, and what the desk is asked."""

from __future__ import annotations

import asyncio
import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from adapters.sdk.desk.items import Action
from adapters.sdk.errors import NotationFault
from adapters.sdk.mapping.outcomes import Fault
from cli import quarantine, terminal
from cli.faults import FAULTS
from cli.main import _ITEM_KINDS, _item_kind, app
from cli.terminal import visible
from contract.catalogue import PENALTY
from contract.days import to_timestamp
from contract.deadlines import DESK_RULES
from contract.errors import ErrorCode, HurenError
from contract.province import Province
from contract.spreadsheet import safe_cell
from gateway.federation.directory import Member, directory_json
from huren.common.v1 import common_pb2
from huren.desk.v1 import desk_service_pb2 as wire
from huren.desk.v1 import desk_service_pb2_grpc
from huren.envelope.v1 import envelope_pb2
from runtime.grpc_interceptor import Context
from runtime.grpc_server import GrpcServer, ServedService
from runtime.identity import MemberPeer, OperatorPeer, member_host_name, peer_identity
from runtime.settings import ListenSettings
from runtime.telemetry import Metrics
from sandbox.pki import OPERATOR, PKI, make_pki
from tests.support.federation import SUBJECT_CODE, uscc

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
TODAY = date(2026, 11, 20)
HOSTILE = "[bold]示例[/bold]\x1b[2J\u202e"
SHOWN = "[bold]示例[/bold]⟨U+001B⟩[2J⟨U+202E⟩"


def deadline(step: str, day: str, *, provisional: bool = False, label: str = "系统默认") -> wire.Deadline:
    return wire.Deadline(step=step, day=day, provisional=provisional, label=label)


def item(number: int = 7, **changes: Any) -> wire.Item:
    built = wire.Item(
        number=number,
        kind=wire.ITEM_KIND_IN_DOUBT,
        state=wire.ITEM_STATE_OPEN,
        opened_at=to_timestamp(NOW - timedelta(days=3, hours=1)),
        family="P",
        key="row-1",
        field="subject",
        problem="may or may not be the subject's",
        fault="in_doubt",
        supplier="示例市市场监督管理局",
        cells=[common_pb2.CellKey(domain="market_regulation", kind=PENALTY)],
        held_up=[SUBJECT_CODE, uscc(2)],
        holding_up_since=to_timestamp(NOW - timedelta(days=1)),
        deadlines=[
            deadline("remind", "2026-11-20"),
            deadline("answer", "2026-11-23"),
            deadline("escalate", "2026-11-24"),
        ],
        version=3,
    )
    for name, value in changes.items():
        built.ClearField(name)  # type: ignore[arg-type]  # a test names fields that exist
        if isinstance(value, list):
            getattr(built, name).extend(value)
        elif value is not None:
            setattr(built, name, value)
    return built


# --- Words ---------------------------------------------------------------------------------------------------


def test_everything_that_has_a_code_has_words() -> None:
    assert set(quarantine.KINDS) == set(wire.ItemKind.values()) - {0}
    assert set(quarantine.STATES) == set(wire.ItemState.values()) - {0}
    assert set(quarantine.ACTIONS) == set(Action)
    assert set(quarantine._STEPS) == {rule.step for rule in DESK_RULES}
    assert set(quarantine._WHAT_NEXT) == set(quarantine.KINDS)
    faults = {fault.value for fault in (*Fault, *NotationFault)}
    assert set(FAULTS) == faults | {"in_doubt", "of_nobody", "missing", "held", "keys_differ"}
    assert {_item_kind(name) for name in _ITEM_KINDS} == set(wire.ItemKind.values()) - {0}


@pytest.mark.parametrize(
    ("today", "words"),
    [
        pytest.param("2026-11-19", "提醒 2026-11-20（系统默认）", id="before"),
        pytest.param("2026-11-20", "提醒 2026-11-20（系统默认）", id="on-the-last-day"),
        pytest.param("2026-11-21", "办结 2026-11-23（系统默认）", id="after-the-first"),
        pytest.param("2026-11-25", "督办 2026-11-24（系统默认） 已逾期 overdue", id="after-the-last"),
    ],
)
def test_says_what_is_due_next_with_its_label(today: str, words: str) -> None:
    assert quarantine.due_words(item(), date.fromisoformat(today)) == words


def test_says_that_a_day_is_provisional() -> None:
    held = item(deadlines=[deadline("answer", "2027-01-05", provisional=True, label="法定")])
    assert quarantine.due_words(held, TODAY) == "办结 暂定至2027-01-05（法定）"
    assert quarantine.due_words(item(deadlines=[]), TODAY) == ""
    assert quarantine.due_words(item(state=wire.ITEM_STATE_CLOSED), TODAY) == ""
    assert (
        quarantine.due_words(item(deadlines=[deadline("later", "2026-12-01")]), TODAY) == "later 2026-12-01（系统默认）"
    )


def test_age_is_counted_in_whole_days() -> None:
    assert quarantine.age_days(item(), NOW) == 3
    assert quarantine.age_days(item(), NOW - timedelta(days=9)) == 0


# --- Lists and items --------------------------------------------------------------------------------------------


def test_a_list_shows_whom_each_item_holds_up_and_what_is_due(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.out, "width", 160)
    answer = wire.ListItemsResponse(
        items=[
            item(),
            item(
                8,
                kind=wire.ITEM_KIND_UNREADABLE,
                field="penAm",
                problem="of a later release",
                fault="later",
                supplier="",
                held_up=[],
                deadlines=[],
                state=wire.ITEM_STATE_RETURNED,
            ),
        ],
        next_page_token="2",  # noqa: S106  # a page, no password
        suppliers=[
            wire.SupplierCount(supplier="示例市市场监督管理局", open=5, holding_up=1),
            wire.SupplierCount(open=2),
        ],
    )
    quarantine.show_list(answer, NOW)
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert lines[0] == ["编号", "类别", "影响主体", "期限", "问题", "来源单位", "状态", "天数"]
    assert lines[1] == ["no.", "kind", "holds", "up", "due", "problem", "supplier", "state", "days"]
    assert " ".join(lines[2]) == (
        "7 主体待核对 2 提醒 2026-11-20 主体：无法确定属于哪个主体 示例市市场监督管理局 待处理 3"
    )
    assert lines[3] == ["（系统默认）"]
    assert " ".join(lines[4]) == "8 无法识读 0 penAm：of a later release （未注明） 已退回 3"
    assert "--limit" in printed
    assert "示例市市场监督管理局：未办结5条，其中1条影响查询" in printed
    assert "（未注明来源单位）：未办结2条，其中0条影响查询" in printed


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    quarantine.show_list(wire.ListItemsResponse(), NOW)
    assert capsys.readouterr().out == "没有符合条件的数据 · no such items\n"


FULL = wire.GetItemResponse(
    item=item(outcome=HOSTILE, supplier=HOSTILE, problem=HOSTILE),
    row=[
        wire.ColumnValue(column=HOSTILE, value=HOSTILE),
        wire.ColumnValue(column="code"),
        wire.ColumnValue(column="regNo", value=""),
        wire.ColumnValue(column="subject"),
    ],
    events=[
        wire.ItemEvent(at=to_timestamp(NOW), action="opened"),
        wire.ItemEvent(at=to_timestamp(NOW), officer="officer-1", action="returned", note=HOSTILE),
        wire.ItemEvent(at=to_timestamp(NOW), action="of_a_later_release"),
    ],
)


def test_an_item_is_shown_in_full_without_obeying_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.out, "width", 160)
    quarantine.show_full(FULL, NOW)
    printed = capsys.readouterr().out
    assert visible(printed, keep="\n") == printed
    assert printed.count(SHOWN) == 6
    for told in (
        "7（第3版 version 3）",
        "主体待核对 in doubt",
        "市场监管（含教育、商务）（行政处罚）",
        f"2（{SUBJECT_CODE}、{uscc(2)}）",
        "办结 answer  2026-11-23（系统默认）",
        "空白 empty: regNo",
        "空值 null: code",
        "2026-11-20 12:00  系统 system  发现 opened",
        "officer-1  退回来源单位 returned to the supplier",
        "of_a_later_release",
    ):
        assert told in printed, told
    assert ["subject", "（空值", "null）", "◀", "有问题", "problem"] in [line.split() for line in printed.splitlines()]


def test_an_item_has_codes_for_programs() -> None:
    document = json.loads(json.dumps(quarantine.full_document(FULL, NOW)))
    told = document["item"]
    assert (told["number"], told["version"], told["age_days"]) == (7, 3, 3)
    assert told["kind"] == {"code": "IN_DOUBT", "zh": "主体待核对", "en": "in doubt"}
    assert told["state"]["code"] == "OPEN"
    assert told["fault"] == {"code": "in_doubt", "zh": FAULTS["in_doubt"], "en": HOSTILE}
    assert told["cells"] == [{"domain": "market_regulation", "kind": "PENALTY"}]
    assert told["held_up"] == [SUBJECT_CODE, uscc(2)]
    assert told["deadlines"][0] == {
        "step": "remind",
        "day": "2026-11-20",
        "provisional": False,
        "label": "系统默认",
    }
    assert document["row"] == {HOSTILE: HOSTILE, "code": None, "regNo": "", "subject": None}
    assert [event["action"] for event in document["events"]] == ["opened", "returned", "of_a_later_release"]
    assert quarantine.item_document(item(holding_up_since=None), NOW)["holding_up_since"] is None
    later = item(kind=99)
    assert quarantine.item_document(later, NOW)["kind"] == dict.fromkeys(("code", "zh", "en"), "ITEM_KIND_99")


def test_a_decision_says_what_it_came_to() -> None:
    closed = item(state=wire.ITEM_STATE_CLOSED, outcome="已更正")
    assert list(quarantine.decided_lines(closed)) == [
        "已记录。编号7：已办结 closed",
        "所影响的主体（2个）可再次申请报告 · whom it held up (2) may ask again",
    ]
    assert len(list(quarantine.decided_lines(item(state=wire.ITEM_STATE_CLOSED, held_up=[])))) == 1
    assert list(quarantine.decided_lines(item())) == [
        "已记录。编号7：待处理 open",
        "仍不能使用 still of no use: 主体：无法确定属于哪个主体 · may or may not be the subject's",
    ]


# --- The file for a department ------------------------------------------------------------------------------


def exported(number: int, row: dict[str, str | None], **changes: Any) -> wire.ExportedItem:
    values = [wire.ColumnValue(column=column, value=value) for column, value in row.items()]
    return wire.ExportedItem(item=item(number, **changes), row=values)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_holds_every_column_of_every_row(tmp_path: Path) -> None:
    out = tmp_path / "items.csv"
    rows = [
        exported(1, {"名称": "示例有限公司", "说明": '多行\n"引号",逗号'}),
        exported(2, {"CF_WSH": "京示罚〔2024〕1号", "名称": None, "编号 number": "x"}, supplier=""),
    ]
    quarantine.write_csv(rows, out)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    first, second = read_csv(out)
    assert list(first) == [*quarantine._HEADINGS, "名称", "说明", "CF_WSH", "原列 编号 number"]
    assert (first["编号 number"], first["类别 kind"], first["问题字段 field"]) == ("1", "主体待核对", "subject")
    assert first["问题 problem"] == "无法确定属于哪个主体 · may or may not be the subject's"
    assert (first["说明"], first["CF_WSH"]) == ('多行\n"引号",逗号', "")
    assert (second["名称"], second["CF_WSH"], second["原列 编号 number"]) == ("", "京示罚〔2024〕1号", "x")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_nothing_in_the_file_is_calculated(start: str, tmp_path: Path) -> None:
    out = tmp_path / "items.csv"
    text = f"{start}HYPERLINK(1)"
    quarantine.write_csv([exported(1, {text: text}, problem=text, fault="", supplier=text, key=text)], out)
    (row,) = read_csv(out)
    assert {heading for heading, value in row.items() if value == f"'{text}"} == {
        "问题 problem",
        "来源单位 supplier",
        "主键 key",
        f"'{text}",
    }


@given(st.text(max_size=30))
def test_a_cell_is_changed_only_by_an_apostrophe_before_it(text: str) -> None:
    assert safe_cell(text) in {text, f"'{text}"}
    assert not safe_cell(text).startswith(("=", "+", "-", "@"))


def test_long_numbers_are_not_rounded() -> None:
    assert safe_cell("123456789012345678") == "'123456789012345678"
    assert safe_cell("130100000012348") == "130100000012348"


# --- Usage -----------------------------------------------------------------------------------------------------


def huren(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).invoke(app, ["quarantine", *arguments])


BEIJING = ("--province", "beijing")
WHY = ("--basis", "示例函〔2026〕1号")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("list",), ("Missing option '--province'.",), id="whose-desk"),
        pytest.param(("list", "--province", "henan"), ("省（市）应为", "expected one of"), id="no-member"),
        pytest.param(("list", *BEIJING, "--kind", "odd"), ("类别应为", "expected one of"), id="no-kind"),
        pytest.param(("list", *BEIJING, "--uscc", "9111"), ("统一社会信用代码不正确", "no unified"), id="no-code"),
        pytest.param(("show", "0", *BEIJING), ("编号应为", "expected the number"), id="no-number"),
        pytest.param(("rerun", "1", "-", *BEIJING), ("编号应为", "expected the number"), id="no-number-again"),
        pytest.param(("return", "1", *BEIJING), ("--basis",), id="no-basis"),
        pytest.param(("return", "1", *BEIJING, "--basis", "  "), ("请写明处理依据", "basis"), id="blank-basis"),
        pytest.param(("correct", "1", *BEIJING, *WHY), ("--set", "--null"), id="nothing-to-correct"),
        pytest.param(
            ("correct", "1", *BEIJING, *WHY, "--set", "列"), ("应写作", "expected COLUMN=VALUE"), id="no-value"
        ),
        pytest.param(
            ("correct", "1", *BEIJING, *WHY, "--set", "a=1", "--null", "a"),
            ("每列一次", "each once"),
            id="column-twice",
        ),
        pytest.param(("assign", "1", *BEIJING, *WHY), ("--to-nobody",), id="to-whom"),
        pytest.param(("assign", "1", *BEIJING, *WHY, "--to", SUBJECT_CODE, "--to-nobody"), ("--to-nobody",), id="both"),
        pytest.param(("assign", "1", *BEIJING, *WHY, "--to", "O" * 18), ("统一社会信用代码不正确",), id="to-no-code"),
        pytest.param(("confirm", "1", *BEIJING, *WHY), ("--withdrawn",), id="confirm-what"),
        pytest.param(("return", "1", *BEIJING, "--basis", "\udce4"), ("UTF-8",), id="no-text"),
    ],
)
def test_wrong_usage_is_2_in_both_languages(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = huren(*arguments)
    assert result.exit_code == 2, result.output
    shown = " ".join(result.output.split())
    assert [word for word in words if word not in shown] == []
    assert "Choose from" not in shown


def test_where_no_federation_runs_it_says_so(tmp_path: Path) -> None:
    result = huren("list", *BEIJING, "--dir", str(tmp_path), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["code"] == "NO_FEDERATION"


# --- What the desk is asked -----------------------------------------------------------------------------------


class RecordingDesk(desk_service_pb2_grpc.DeskServiceServicer):
    """A desk with 230 items that keeps what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.peers: set[Any] = set()
        self.items = [exported(number, {"名称": f"示例{number}"}) for number in range(1, 231)]

    def _keep(self, request: Any, context: Context) -> None:
        self.asked.append(request)
        self.peers.add(peer_identity(context.auth_context()))

    async def ListItems(self, request: wire.ListItemsRequest, context: Context) -> wire.ListItemsResponse:  # noqa: N802
        self._keep(request, context)
        start = int(request.page_token or 0)
        end = start + request.page_size
        return wire.ListItemsResponse(
            items=[one.item for one in self.items[start:end]],
            next_page_token=str(end) if end < len(self.items) else "",
            suppliers=[wire.SupplierCount(supplier="示例局", open=230)],
        )

    async def GetItem(self, request: wire.GetItemRequest, context: Context) -> wire.GetItemResponse:  # noqa: N802
        self._keep(request, context)
        if request.number > len(self.items):
            raise HurenError(ErrorCode.ITEM_NOT_FOUND, field="number", number=request.number)
        one = self.items[request.number - 1]
        return wire.GetItemResponse(item=one.item, row=one.row)

    async def ExportItems(  # noqa: N802
        self, request: wire.ExportItemsRequest, context: Context
    ) -> wire.ExportItemsResponse:
        self._keep(request, context)
        return wire.ExportItemsResponse(items=self.items[request.after_number : request.after_number + 100])

    async def DecideItem(  # noqa: N802
        self, request: wire.DecideItemRequest, context: Context
    ) -> wire.DecideItemResponse:
        self._keep(request, context)
        if request.version != 3:
            raise HurenError(ErrorCode.ITEM_CHANGED, field="version")
        return wire.DecideItemResponse(item=item(request.number, state=wire.ITEM_STATE_CLOSED))

    async def RerunItems(  # noqa: N802
        self, request: wire.RerunItemsRequest, context: Context
    ) -> wire.RerunItemsResponse:
        self._keep(request, context)
        return wire.RerunItemsResponse(looked_at=len(request.numbers) or 230, closed=1)


@contextmanager
def serving(desk: RecordingDesk, folder: Path) -> Iterator[None]:
    """Serves a desk as Beijing's adapter over mutual TLS, in a thread of its own, and writes the member directory."""
    adapter = MemberPeer(Province.BEIJING, envelope_pb2.MEMBER_ROLE_ADAPTER)
    service = ServedService(
        wire.DESCRIPTOR.services_by_name["DeskService"],
        partial(desk_service_pb2_grpc.add_DeskServiceServicer_to_server, desk),
    )
    ports: list[int] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        server = GrpcServer(
            [service],
            listen=ListenSettings(host="127.0.0.1", port=0),
            tls=PKI(folder / "pki").member_tls(adapter),
            metrics=Metrics(),
            max_concurrent_calls=8,
        )
        ports.append(await server.start())
        ready.set()
        await stop.wait()
        await server.stop(timedelta(0))

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    with capture_logs(), _stopped(thread, loop, stop):  # a server's log is no output of the command
        assert ready.wait(20)
        member = Member(
            province=Province.BEIJING,
            adapter=f"127.0.0.1:{ports[0]}",
            adapter_name=member_host_name(adapter),
            unit="示例单位",
        )
        (folder / "members.json").write_text(directory_json([member]), "utf-8")
        yield


@contextmanager
def _stopped(thread: threading.Thread, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> Iterator[None]:
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("desk")
    # TLS compares with the machine's clock, so this is the one place where the test reads it.
    make_pki(made / "pki", Province, datetime.now(UTC))
    return made


@pytest.fixture
def desk(folder: Path) -> Iterator[RecordingDesk]:
    recording = RecordingDesk()
    with serving(recording, folder):
        yield recording


def test_the_desk_is_asked_as_an_operator_for_as_many_pages_as_are_wanted(desk: RecordingDesk, folder: Path) -> None:
    place = (*BEIJING, "--dir", str(folder), "--json")
    result = huren("list", *place, "--limit", "150", "--holding-up", "--kind", "in-doubt", "--kind", "missing", "--all")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [one["number"] for one in document["items"]] == list(range(1, 151))
    assert document["more"] is True
    assert document["suppliers"] == [{"supplier": "示例局", "open": 230, "holding_up": 0}]
    chosen = wire.ItemFilter(
        states=[wire.ITEM_STATE_OPEN, wire.ITEM_STATE_RETURNED, wire.ITEM_STATE_CLOSED],
        kinds=[wire.ITEM_KIND_IN_DOUBT, wire.ITEM_KIND_MISSING],
        holding_up=True,
    )
    assert desk.asked == [
        wire.ListItemsRequest(filter=chosen, page_size=100),
        wire.ListItemsRequest(filter=chosen, page_size=50, page_token="100"),  # noqa: S106  # as above
    ]
    assert desk.peers == {OperatorPeer(OPERATOR)}
    everything = json.loads(huren("list", *place, "--limit", "1000", "--uscc", SUBJECT_CODE.lower()).stdout)
    assert (len(everything["items"]), everything["more"]) == (230, False)
    assert desk.asked[-1].filter == wire.ItemFilter(uscc=SUBJECT_CODE)


def test_an_export_holds_every_page(desk: RecordingDesk, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "items.csv"
    result = huren("export", *BEIJING, "--dir", str(folder), "--out", str(out), "--supplier", "示例局")
    assert result.exit_code == 0, result.output
    assert [row["名称"] for row in read_csv(out)] == [f"示例{number}" for number in range(1, 231)]
    assert [request.after_number for request in desk.asked] == [0, 100, 200, 230]
    assert {request.filter.supplier for request in desk.asked} == {"示例局"}


@pytest.mark.usefixtures("desk")
def test_a_file_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "items.csv"
    result = huren("export", *BEIJING, "--dir", str(folder), "--out", str(out), "--json")
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "FILE_NOT_WRITTEN")


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        pytest.param(("return",), wire.Decision(return_to_supplier=wire.Return()), id="return"),
        pytest.param(
            ("correct", "--set", "名称=示例=公司", "--set", "金额=", "--null", "编号"),
            wire.Decision(
                correction=wire.Correction(
                    values=[
                        wire.ColumnValue(column="名称", value="示例=公司"),
                        wire.ColumnValue(column="金额", value=""),
                        wire.ColumnValue(column="编号"),
                    ]
                )
            ),
            id="correct",
        ),
        pytest.param(
            ("assign", "--to", f" {SUBJECT_CODE.lower()}"),
            wire.Decision(assignment=wire.Assignment(uscc=SUBJECT_CODE)),
            id="assign",
        ),
        pytest.param(("assign", "--to-nobody"), wire.Decision(assignment=wire.Assignment()), id="assign-to-nobody"),
        pytest.param(
            ("confirm", "--withdrawn"), wire.Decision(withdrawal=wire.Withdrawal(withdrawn=True)), id="withdrawn"
        ),
        pytest.param(
            ("confirm", "--still-in-force"), wire.Decision(withdrawal=wire.Withdrawal(withdrawn=False)), id="in-force"
        ),
        pytest.param(("release",), wire.Decision(delivery=wire.Delivery(good=True)), id="release"),
        pytest.param(("release", "--refuse"), wire.Decision(delivery=wire.Delivery(good=False)), id="refuse"),
    ],
)
def test_a_decision_is_sent_with_its_basis_and_the_version_that_was_seen(
    desk: RecordingDesk, folder: Path, arguments: tuple[str, ...], decision: wire.Decision
) -> None:
    command, *options = arguments
    place = (*BEIJING, "--dir", str(folder), *WHY)
    result = huren(command, "12", *options, *place)
    assert result.exit_code == 0, result.output
    assert "编号12：已办结 closed" in result.stdout
    assert desk.asked == [
        wire.GetItemRequest(number=12),
        wire.DecideItemRequest(number=12, version=3, decision=decision, basis=WHY[1]),
    ]
    stale = huren(command, "12", *options, *place, "--item-version", "2", "--json")
    assert (stale.exit_code, json.loads(stale.stdout)["code"]) == (1, "ITEM_CHANGED")
    assert len(desk.asked) == 3


def test_items_are_read_again_by_number_or_all(desk: RecordingDesk, folder: Path) -> None:
    place = (*BEIJING, "--dir", str(folder))
    assert "重新识读2条，办结1条" in huren("rerun", "3", "5", *place).stdout
    assert json.loads(huren("rerun", *place, "--json").stdout) == {"result": "rerun", "looked_at": 230, "closed": 1}
    assert desk.asked == [wire.RerunItemsRequest(numbers=[3, 5]), wire.RerunItemsRequest()]


def test_an_item_that_is_not_there_is_an_error_in_both_languages(desk: RecordingDesk, folder: Path) -> None:
    shown = huren("show", "12", *BEIJING, "--dir", str(folder)).stdout
    assert "示例12" in shown
    assert f"quarantine assign 12 --province beijing --dir {folder} --to-nobody --basis 依据" in shown
    missing = huren("show", "999", *BEIJING, "--dir", str(folder))
    assert missing.exit_code == 1
    assert "999" in missing.stderr
    assert len(missing.stderr.splitlines()) == 2
    assert desk.asked[-1] == wire.GetItemRequest(number=999)


def test_an_adapter_that_does_not_answer_is_named(folder: Path) -> None:
    with serving(RecordingDesk(), folder):
        pass
    result = huren("list", *BEIJING, "--dir", str(folder), "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["code"], document["province"]) == (1, "ADAPTER_UNREACHABLE", "beijing")
    assert f"日志：{folder / 'logs' / 'beijing-adapter.log'}" in document["zh"]
