import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huren.envelope.v1 import envelope_pb2
from signing import (
    ACTIVE,
    Compromised,
    Retired,
    SuitePolicy,
    SuiteRule,
    TrustStore,
    TrustStoreError,
    write_key_entry,
    write_policy,
)
from signing.trust_files import decode_key_entry, decode_policy, encode_key_entry, encode_policy

AT = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, build: Any) -> Path:
    write_key_entry(tmp_path, build.member("shanxi").entry)
    write_key_entry(tmp_path, build.member("hebei", member=13, state=Retired(at=AT)).entry)
    write_policy(tmp_path, build.policy(), published_at=AT)
    return tmp_path


def _key_file(store: Path) -> Path:
    return min((store / "keys").iterdir())


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def test_reads_what_was_written(store: Path, build: Any) -> None:
    read = TrustStore.from_directory(store)

    assert (read.policy, read.published_at) == (build.policy(), AT)
    assert set(read.keys.values()) == {
        build.member("shanxi").entry,
        build.member("hebei", member=13, state=Retired(at=AT)).entry,
    }


@pytest.mark.parametrize("state", [ACTIVE, Retired(at=AT), Compromised(since=AT)], ids=repr)
def test_key_entries_round_trip(build: Any, state: object) -> None:
    entry = build.member(
        "tianjin", member=12, state=state, payload_types=frozenset({build.query, build.fragment})
    ).entry

    assert decode_key_entry(encode_key_entry(entry)) == entry


def test_policies_round_trip() -> None:
    rule = SuiteRule(role=envelope_pb2.MEMBER_ROLE_GATEWAY, suite=envelope_pb2.SUITE_ED25519, accepted_from=AT)
    policy = SuitePolicy((rule, replace(rule, accepted_until=AT + timedelta(days=1))))

    assert decode_policy(encode_policy(policy, published_at=AT)) == (policy, AT)


def test_a_later_state_replaces_the_entry_and_keeps_the_key(store: Path, build: Any) -> None:
    compromised = build.member("shanxi", state=Compromised(since=AT)).entry

    write_key_entry(store, compromised)

    read = TrustStore.from_directory(store)
    assert len(read.keys) == 2
    assert read.find(compromised.keyid) == compromised


def test_a_store_cannot_be_changed_after_loading(store: Path) -> None:
    read = TrustStore.from_directory(store)

    with pytest.raises(TypeError):
        read.keys["0" * 64] = next(iter(read.keys.values()))  # type: ignore[index]
    with pytest.raises(AttributeError):
        read.published_at = AT  # type: ignore[misc]


def test_an_unknown_key_is_not_found(store: Path) -> None:
    assert TrustStore.from_directory(store).find("0" * 64) is None


def test_names_that_begin_with_a_dot_are_passed_over(store: Path) -> None:
    (store / "keys" / ".swap").write_bytes(b"anything")

    assert len(TrustStore.from_directory(store).keys) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda store: (store / "policy.json").unlink(), id="no-policy"),
        pytest.param(
            lambda store: [p.unlink() for p in (store / "keys").iterdir()] and (store / "keys").rmdir(), id="no-keys"
        ),
        pytest.param(lambda store: _key_file(store).rename(store / "keys" / ("0" * 64 + ".json")), id="other-name"),
        pytest.param(lambda store: _key_file(store).rename(_key_file(store).with_suffix(".JSON")), id="other-suffix"),
        pytest.param(lambda store: (store / "keys" / "notes.txt").write_text("see wiki"), id="stray-file"),
        pytest.param(lambda store: (store / "keys" / "more").mkdir(), id="stray-directory"),
        pytest.param(lambda store: _key_file(store).write_bytes(b" " * 300_000), id="too-large"),
        pytest.param(lambda store: _key_file(store).write_bytes(b"[" * 100_000), id="too-deep"),
        pytest.param(lambda store: _key_file(store).write_bytes(b"\xff\xfe{\0}\0"), id="utf-16"),
        pytest.param(lambda store: _key_file(store).write_bytes(b"1" * 5000), id="number-of-5000-digits"),
    ],
)
def test_one_bad_file_refuses_the_whole_store(store: Path, spoil: Callable[[Path], object]) -> None:
    spoil(store)

    with pytest.raises(TrustStoreError):
        TrustStore.from_directory(store)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda e: e.pop("state"), id="missing-name"),
        pytest.param(lambda e: e.update(note="x"), id="unknown-name"),
        pytest.param(lambda e: e.update(keyid=e["keyid"].upper()), id="keyid-in-upper-case"),
        pytest.param(lambda e: e.update(keyid=None), id="keyid-of-other-type"),
        pytest.param(lambda e: e.update(suite="SUITE_SM2_SM3"), id="suite-not-supported"),
        pytest.param(lambda e: e.update(suite="SUITE_UNSPECIFIED"), id="suite-unspecified"),
        pytest.param(lambda e: e.update(suite=1), id="suite-by-number"),
        pytest.param(lambda e: e.update(role="MEMBER_ROLE_KING"), id="role-unknown"),
        pytest.param(lambda e: e.update(member=True), id="member-no-number"),
        pytest.param(lambda e: e.update(member=14.0), id="member-no-integer"),
        pytest.param(lambda e: e.update(member=0), id="member-no-province"),
        pytest.param(lambda e: e.update(public_key=e["public_key"][:-1]), id="public-key-no-base64"),
        pytest.param(lambda e: e.update(public_key=e["public_key"] + "\n"), id="public-key-with-line-feed"),
        pytest.param(lambda e: e.update(public_key=base64.b64encode(b"x" * 44).decode()), id="public-key-other"),
        pytest.param(lambda e: e.update(payload_types=[1]), id="payload-types-no-texts"),
        pytest.param(lambda e: e.update(payload_types=["*"]), id="payload-types-no-type"),
        pytest.param(lambda e: e.update(payload_types=e["payload_types"] * 2), id="payload-types-twice"),
        pytest.param(lambda e: e.update(not_before="2026-01-01T00:00:00+00:00"), id="offset"),
        pytest.param(lambda e: e.update(not_before="2026-01-01T00:00:00"), id="no-zone"),
        pytest.param(lambda e: e.update(not_before="2026-01-01"), id="day"),
        pytest.param(lambda e: e.update(not_before="2026-01-01T00:00:60Z"), id="second-60"),
        pytest.param(lambda e: e.update(not_before="２０２６-01-01T00:00:00Z"), id="full-width-digits"),
        pytest.param(lambda e: e.update(not_before="9999-01-01T00:00:00Z"), id="period-ends-before-it-begins"),
        pytest.param(lambda e: e.update(state="ACTIVE"), id="state-no-object"),
        pytest.param(lambda e: e.update(state={}), id="state-of-no-kind"),
        pytest.param(lambda e: e.update(state={"kind": []}), id="state-of-odd-kind"),
        pytest.param(lambda e: e.update(state={"kind": "DELETED"}), id="state-unknown"),
        pytest.param(lambda e: e.update(state={"kind": "RETIRED"}), id="retired-without-instant"),
        pytest.param(
            lambda e: e.update(state={"kind": "RETIRED", "since": "2026-01-01T00:00:00Z"}), id="retired-since"
        ),
        pytest.param(lambda e: e.update(state={"kind": "ACTIVE", "at": "2026-01-01T00:00:00Z"}), id="active-at"),
    ],
)
def test_refuses_a_key_file_by_name(store: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = _key_file(store)
    _edit(path, change)

    with pytest.raises(TrustStoreError, match=path.name):
        TrustStore.from_directory(store)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p.pop("published_at"), id="no-age"),
        pytest.param(lambda p: p.update(published_at="yesterday"), id="age-unreadable"),
        pytest.param(lambda p: p.update(suites={}), id="suites-no-list"),
        pytest.param(lambda p: p["suites"].append("any"), id="rule-no-object"),
        pytest.param(lambda p: p["suites"][0].pop("accepted_until"), id="rule-without-end-member"),
        pytest.param(lambda p: p["suites"][0].update(accepted_from=None), id="rule-without-begin"),
        pytest.param(lambda p: p["suites"][0].update(accepted_until="2000-01-01T00:00:00Z"), id="rule-for-no-period"),
        pytest.param(lambda p: p["suites"][0].update(suite="SUITE_SM2_SM3"), id="rule-for-unsupported-suite"),
        pytest.param(lambda p: p["suites"][0].update(role="MEMBER_ROLE_UNSPECIFIED"), id="rule-for-no-role"),
    ],
)
def test_refuses_a_policy_file_by_name(store: Path, change: Callable[[dict[str, Any]], object]) -> None:
    _edit(store / "policy.json", change)

    with pytest.raises(TrustStoreError, match=r"policy\.json"):
        TrustStore.from_directory(store)


def test_refuses_a_name_given_twice(store: Path) -> None:
    path = _key_file(store)
    path.write_text(path.read_text().replace("{", '{"member": 11,', 1))

    with pytest.raises(TrustStoreError, match="twice"):
        TrustStore.from_directory(store)


@settings(deadline=None)
@given(
    st.binary() | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for decode in (decode_key_entry, decode_policy):
        with pytest.raises(TrustStoreError):
            decode(data)


@settings(deadline=None)
@given(st.data())
def test_mutated_key_files_raise_only_our_errors(build: Any, data: st.DataObject) -> None:
    valid = encode_key_entry(build.member("shanxi", state=Retired(at=AT)).entry)
    at = data.draw(st.integers(0, len(valid) - 1))
    mutated = valid[:at] + data.draw(st.binary(max_size=3)) + valid[at + 1 :]

    try:
        decoded = decode_key_entry(mutated)
    except TrustStoreError:
        return
    assert decode_key_entry(encode_key_entry(decoded)) == decoded


@settings(deadline=None)
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), data=st.data())
def test_any_value_in_any_place_raises_only_our_errors(build: Any, value: Any, data: st.DataObject) -> None:
    fields = json.loads(encode_key_entry(build.member("shanxi").entry))
    fields[data.draw(st.sampled_from(sorted(fields)))] = value

    try:
        decode_key_entry(json.dumps(fields).encode())
    except TrustStoreError:
        return


def test_refuses_an_entry_under_the_id_of_another_key(build: Any) -> None:
    shanxi, hebei = build.private_key("shanxi"), build.private_key("hebei")

    with pytest.raises(TrustStoreError, match="digest"):
        build.entry(shanxi, keyid=hebei.key_id)


def test_refuses_two_entries_for_one_key(build: Any) -> None:
    with pytest.raises(TrustStoreError, match="two"):
        build.trust(build.member("shanxi").entry, build.member("shanxi", state=Retired(at=AT)).entry)


@pytest.mark.parametrize(
    "at", [AT.replace(tzinfo=None), AT.astimezone(timezone(timedelta(hours=8)))], ids=["naive", "china"]
)
def test_refuses_instants_that_are_not_utc(build: Any, at: datetime) -> None:
    for facts in ({"not_before": at}, {"not_after": at}, {"state": Retired(at=at)}, {"state": Compromised(since=at)}):
        with pytest.raises(TrustStoreError, match="UTC"):
            build.member("shanxi", **facts)
    with pytest.raises(TrustStoreError, match="UTC"):
        SuiteRule(role=1, suite=1, accepted_from=at)
    with pytest.raises(TrustStoreError, match="UTC"):
        TrustStore.from_entries([], policy=SuitePolicy(), published_at=at)


def test_an_unwritable_store_is_our_error(tmp_path: Path, build: Any) -> None:
    (tmp_path / "keys").write_text("a file where the directory should be")

    with pytest.raises(TrustStoreError, match="cannot be written"):
        write_key_entry(tmp_path, build.member("shanxi").entry)
