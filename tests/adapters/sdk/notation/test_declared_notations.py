from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.notation import (
    NotationError,
    read_amount,
    read_china_timestamp,
    read_code,
    read_compact_date,
    read_epoch_millis,
    read_epoch_seconds,
    read_epoch_timestamp,
    read_iso_date,
    read_slash_date,
    read_text,
)
from contract.days import start_of_day
from contract.money import MoneyUnit

YUAN, WAN = MoneyUnit.YUAN, MoneyUnit.WAN_YUAN
DAYS = st.dates(date(1949, 1, 1), date(2099, 12, 30))


def millis(day: date) -> int:
    return round(start_of_day(day).timestamp() * 1000)


@pytest.mark.parametrize(
    ("reader", "value", "day"),
    [
        (read_iso_date, "2024-02-29", date(2024, 2, 29)),
        (read_iso_date, " ２０２４－０３－０１ ", date(2024, 3, 1)),
        (read_slash_date, "2024/3/1", date(2024, 3, 1)),
        (read_slash_date, "2024/03/01", date(2024, 3, 1)),
        (read_compact_date, "20240301", date(2024, 3, 1)),
        (read_epoch_millis, 1709222400000, date(2024, 3, 1)),
        (read_epoch_seconds, 1709222400, date(2024, 3, 1)),
        (read_epoch_seconds, 1595260800, date(2020, 7, 21)),
        (read_epoch_seconds, 253402185600, None),
        (read_epoch_seconds, " ", None),
        *((reader, value, None) for reader in (read_iso_date, read_slash_date, read_compact_date)
          for value in (None, "", "  ", "　", "长期", "长期有效", "——")),
        (read_iso_date, "2099-12-31", None),
        (read_iso_date, "9999-12-31", None),
        (read_slash_date, "2099/12/31", None),
        (read_compact_date, "99991231", None),
        (read_epoch_millis, None, None),
        (read_epoch_millis, "", None),
        (read_epoch_millis, millis(date(2099, 12, 31)), None),
        (read_epoch_millis, 253402185600000, None),
    ],
)  # fmt: skip
def test_reads_days(reader: Any, value: Any, day: date | None) -> None:
    assert reader(value) == day


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (read_iso_date, "2023-02-29"),
        (read_iso_date, "2024-3-1"),
        (read_iso_date, "2024/03/01"),
        (read_iso_date, "20240301"),
        (read_iso_date, "2024-W10-5"),
        (read_iso_date, "0204-03-01"),
        (read_iso_date, "2024-03-01 00:00:00"),
        (read_iso_date, "2024-03-0①"),
        (read_iso_date, "٢٠٢٤-٠٣-٠١"),
        (read_iso_date, 20240301),
        (read_iso_date, "无"),
        (read_slash_date, "24/3/1"),
        (read_slash_date, "2024/13/1"),
        (read_slash_date, "2024-03-01"),
        (read_compact_date, "2024031"),
        (read_compact_date, "20240230"),
        (read_compact_date, 20240301),
        (read_epoch_millis, 1709222400000 + 1),
        (read_epoch_millis, 1709222400000 + 8 * 3600 * 1000),
        (read_epoch_millis, "1709222400000"),
        (read_epoch_millis, True),
        (read_epoch_millis, Decimal(1709222400000)),
        (read_epoch_millis, 10**18),
        (read_epoch_millis, -(10**18)),
        (read_epoch_seconds, 1709222400 + 1),
        (read_epoch_seconds, 1709222400000),
        (read_epoch_seconds, "1709222400"),
        (read_epoch_seconds, True),
        (read_epoch_seconds, 10**30),
    ],
)
def test_refuses_days(reader: Any, value: Any) -> None:
    with pytest.raises(NotationError):
        reader(value)


@given(DAYS)
def test_days_survive_every_notation(day: date) -> None:
    assert read_iso_date(day.isoformat()) == day
    assert read_slash_date(f"{day.year}/{day.month}/{day.day}") == day
    assert read_compact_date(day.strftime("%Y%m%d")) == day
    assert read_epoch_millis(millis(day)) == day
    assert read_epoch_seconds(millis(day) // 1000) == day


@pytest.mark.parametrize(
    "text", ["2026-11-21 20:00:00", "2026/11/21 20:00:00", "20261121200000", "2026/11/21 20:00:00 "]
)
def test_reads_instants_of_china(text: str) -> None:
    assert read_china_timestamp(text) == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "2026-11-21",
        "2026-11-21T20:00:00",
        "2026-11-21 20:00",
        "2026-11-21 24:00:00",
        "20261121",
        20261121200000,
    ],
)
def test_refuses_instants(value: Any) -> None:
    with pytest.raises(NotationError):
        read_china_timestamp(value)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001  # made aware below
def test_instants_survive(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC, microsecond=0)
    china = (at + timedelta(hours=8)).replace(tzinfo=None)
    assert read_china_timestamp(china.isoformat(sep=" ")) == at
    assert read_china_timestamp(china.strftime("%Y%m%d%H%M%S")) == at
    assert read_epoch_timestamp(round(at.timestamp() * 1000)) == at


@pytest.mark.parametrize(
    ("value", "unit", "fen"),
    [
        ("1.500000", WAN, 1_500_000),
        ("0.000001", WAN, 1),
        ("1,020,000.00", YUAN, 102_000_000),
        ("１，０００．５０", YUAN, 100_050),
        ("200元", YUAN, 20_000),
        ("¥200.00", YUAN, 20_000),
        ("￥ 200", YUAN, 20_000),
        ("¥2万元", WAN, 2_000_000),
        ("2 万元", WAN, 2_000_000),
        ("0", YUAN, 0),
        ("贰佰元", YUAN, 20_000),
        ("200元整", YUAN, 20_000),
        ("007", YUAN, 700),
        (Decimal("0.15"), WAN, 150_000),
        (3, YUAN, 300),
        (None, YUAN, None),
        ("", YUAN, None),
        (" 　", YUAN, None),
    ],
)
def test_reads_amounts(value: Any, unit: MoneyUnit, fen: int | None) -> None:
    assert read_amount(value, unit) == fen


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("0.001", YUAN),
        ("0.0000001", WAN),
        ("-1", YUAN),
        ("+1", YUAN),
        ("1e3", YUAN),
        ("NaN", YUAN),
        ("Infinity", YUAN),
        ("1,00", YUAN),
        ("10,0000", YUAN),
        (",100", YUAN),
        ("1.", YUAN),
        (".5", YUAN),
        ("1 000", YUAN),
        ("2万元", YUAN),
        ("200元", WAN),
        ("¥200", WAN),
        ("½", YUAN),
        ("①", YUAN),
        ("٣", YUAN),
        ("——", YUAN),
        ("无", YUAN),
        ("9" * 65, YUAN),
        ("9" * 40, YUAN),
        (True, YUAN),
        (-1, YUAN),
        (Decimal("NaN"), YUAN),
        (Decimal("Infinity"), YUAN),
        (Decimal("1E+1000000"), YUAN),
        (Decimal("1E-1000000"), YUAN),
    ],
)
def test_refuses_amounts(value: Any, unit: MoneyUnit) -> None:
    with pytest.raises(NotationError):
        read_amount(value, unit)


@given(st.integers(0, 10**15))
def test_amounts_survive(fen: int) -> None:
    yuan = f"{fen // 100}.{fen % 100:02d}"
    assert read_amount(yuan, YUAN) == fen
    assert read_amount(f"{fen // 100:,}.{fen % 100:02d}元", YUAN) == fen
    assert read_amount(f"{fen // 1_000_000}.{fen % 1_000_000:06d}", WAN) == fen


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), ("  a b\n", "a b"), (12, "12"), (Decimal("1.50"), "1.50"), ("一\n二", "一\n二")],
)
def test_reads_texts(value: Any, text: str) -> None:
    assert read_text(value) == text


@pytest.mark.parametrize("value", [True, "a\0b", "\x07", "a\ud800"])
def test_refuses_texts(value: Any) -> None:
    with pytest.raises(NotationError):
        read_text(value)


@pytest.mark.parametrize(
    ("value", "code"), [(None, ""), (True, "true"), (False, "false"), (1, "1"), (" Ａ1 ", "A1"), ("；", ";")]
)
def test_reads_codes(value: Any, code: str) -> None:
    assert read_code(value) == code
