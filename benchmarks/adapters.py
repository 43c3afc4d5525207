"""Process: four provinces that really sign.

Each query gets a fragment of its own, signed for it: 34 cells, ten penalties, about 7 kB. What does not depend on the query is
made beforehand. The stand-ins neither check the query nor search or store anything: they are the same for both contenders, and
their work is not what is measured.

The bare contender gets from the same servers the bytes that a real query was answered with last.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.child import Facts, answer_lines, arguments, run_child, say
from benchmarks.raw_grpc import BARE_ANSWER, Context, serve_bytes
from benchmarks.scene import FORGER, Scene
from contract.catalogue import PENALTY, Catalogue, CellKey, published_catalogues
from contract.days import china_day, to_timestamp
from contract.payloads import COVERAGE, FRAGMENT, QUERY
from contract.province import Province
from contract.registry import RegistryEntry
from huren.common.v1 import common_pb2
from huren.envelope.v1 import envelope_pb2
from huren.fragment.v1 import adapter_service_pb2, coverage_pb2, fragment_pb2, query_pb2, record_pb2
from signing import PrivateKey, Signer, pae, statement_id

RECORDS: Final = 10
"""Penalties in a fragment."""

ANSWER: Final = "/huren.fragment.v1.AdapterService/Answer"
COVERAGE_OF: Final = "/huren.fragment.v1.AdapterService/GetCoverage"


class StandIn:
    """One province."""

    def __init__(self, scene: Scene, province: Province, counts: Counter[str]) -> None:
        now = datetime.now(UTC)
        self._province = province
        self._key = PrivateKey.load(scene.signing_key(province))
        self._signer = Signer(self._key, issuer=province, role=envelope_pb2.MEMBER_ROLE_ADAPTER)
        self._catalogue = published_catalogues().in_force(china_day(now))
        self._coverage = self._signer.sign(COVERAGE, self._stated_coverage(now))
        self._prepared = {entry.uscc: self._prepare(entry, now) for entry in scene.entries()}
        self._forged = frozenset(scene.forged_codes()) if province is FORGER else frozenset()
        self._last = b""
        self._counts = counts

    async def answer(self, request: bytes, context: Context) -> bytes:
        """Signs a fragment for the query."""
        del context
        envelope = adapter_service_pb2.AnswerRequest.FromString(request).query_envelope
        asked = envelope_pb2.Envelope.FromString(envelope).payload
        query = query_pb2.Query.FromString(asked)
        code = query.subject.uscc
        now = datetime.now(UTC)
        about_query = fragment_pb2.Fragment(
            header=self._signer.new_header(now),
            query_statement_id=statement_id(QUERY, asked),
            uscc=code,
            window=query.window,
            expires_at=to_timestamp(now + timedelta(hours=1)),
        )
        # The fields of a message may come in any order but for the header, which is first.
        payload = about_query.SerializeToString(deterministic=True) + self._prepared[code]
        signature = self._key.sign(pae(FRAGMENT, payload))
        if code in self._forged:
            self._counts["forged"] += 1
            return self._response(payload, bytes([signature[0] ^ 1]) + signature[1:])
        self._counts["signed"] += 1
        self._last = self._response(payload, signature)
        return self._last

    async def bare_answer(self, request: bytes, context: Context) -> bytes:
        """Gives the bytes of the last answer again; nothing is signed."""
        del request, context
        self._counts["bare"] += 1
        return self._last

    async def coverage(self, request: bytes, context: Context) -> bytes:
        """Gives the coverage statement, of which there is one."""
        del request, context
        self._counts["coverage"] += 1
        response = adapter_service_pb2.GetCoverageResponse(coverage_envelope=self._coverage.envelope)
        return response.SerializeToString()

    def _response(self, payload: bytes, signature: bytes) -> bytes:
        envelope = envelope_pb2.Envelope(
            payload=payload,
            payload_type=FRAGMENT,
            signatures=[envelope_pb2.Signature(sig=signature, keyid=self._key.key_id)],
        )
        return adapter_service_pb2.AnswerResponse(
            answer_envelope=envelope.SerializeToString(deterministic=True)
        ).SerializeToString()

    def _stated_coverage(self, now: datetime) -> coverage_pb2.Coverage:
        contact = common_pb2.Contact(unit="示例单位（演示）", telephone="（演示）000-00000")
        return coverage_pb2.Coverage(
            header=self._signer.new_header(now - timedelta(minutes=30)),
            catalogue=self._catalogue.ref,
            cells=[
                coverage_pb2.CellCoverage(key=_wire(key), covered=True, complete_from="2015-01-01", department=contact)
                for key in self._catalogue.carried
            ],
            issuer=contact,
        )

    def _prepare(self, entry: RegistryEntry, now: datetime) -> bytes:
        """All of a fragment about a subject that does not depend on the query."""
        penalty_cells = [key for key in self._catalogue.cells if key[1] == PENALTY and key in self._catalogue.carried]
        records: dict[CellKey, list[record_pb2.Record]] = {}
        for index in range(RECORDS):
            key = penalty_cells[index % len(penalty_cells)]
            records.setdefault(key, []).append(_penalty(self._province, entry, index, now))
        searched = range(len(entry.identifiers()))
        return fragment_pb2.Fragment(
            catalogue=self._catalogue.ref,
            coverage_statement_id=self._coverage.statement_id,
            disclosure=fragment_pb2.DisclosureRules(
                basis=fragment_pb2.DISCLOSURE_BASIS_WINDOW, includes_summary_procedure=True, version="1"
            ),
            cells=[
                _cell(key, records.get(key, []), self._catalogue, searched=searched, now=now)
                for key in self._catalogue.cells
            ],
        ).SerializeToString(deterministic=True)


def _cell(
    key: CellKey, records: list[record_pb2.Record], catalogue: Catalogue, *, searched: range, now: datetime
) -> fragment_pb2.Cell:
    if key not in catalogue.carried:
        return fragment_pb2.Cell(key=_wire(key), state=fragment_pb2.CELL_STATE_NOT_APPLICABLE)
    return fragment_pb2.Cell(
        key=_wire(key),
        state=fragment_pb2.CELL_STATE_FOUND if records else fragment_pb2.CELL_STATE_CLEAR,
        records=records,
        data_as_of=to_timestamp(now - timedelta(minutes=30)),
        identifiers_searched=searched,
    )


def _penalty(province: Province, entry: RegistryEntry, index: int, now: datetime) -> record_pb2.Record:
    name = f"{province:02d}/{entry.uscc}/{index}"
    decided_on = (now - timedelta(days=200 + 40 * index)).date()
    return record_pb2.Record(
        record_id=hashlib.sha256(name.encode()).hexdigest()[:32],
        revision=1,
        decided_in=province.wire,
        decision_key=hashlib.sha256(b"decision " + name.encode()).hexdigest(),
        penalty=record_pb2.Penalty(
            document_number=f"示市监处罚〔{decided_on.year}〕{1000 + index}号",
            authority=record_pb2.Authority(name=f"{province.name_zh}示例区市场监督管理局（演示）"),
            decided_on=decided_on.isoformat(),
            procedure=record_pb2.PROCEDURE_ORDINARY,
            violation_type=_text("未按规定公示信息"),
            facts=_text("当事人未按照规定期限公示年度报告，且通过登记的住所无法取得联系，经责令改正后逾期仍未改正。"),
            legal_basis=_text("《企业信息公示暂行条例》第十七条、第十八条"),
            categories=[record_pb2.PENALTY_CATEGORY_FINE],
            content=_text("罚款人民币一千五百元整"),
            amounts=[record_pb2.Amount(kind=record_pb2.AMOUNT_KIND_FINE, fen=150_000)],
            performance=record_pb2.Performance(state=record_pb2.PERFORMANCE_STATE_NOT_STATED),
        ),
        source_unit=f"{province.name_zh}示例区市场监督管理局（演示）",
        collected_at=to_timestamp(now - timedelta(days=100)),
    )


def _text(text: str) -> record_pb2.FreeText:
    return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)


def _wire(key: CellKey) -> common_pb2.CellKey:
    return common_pb2.CellKey(domain=key[0], kind=common_pb2.RecordKind.ValueType(key[1]))


async def _main(told: Facts) -> None:
    scene = Scene(Path(told["folder"]), told["honest"], told["forged"])
    counts: Counter[str] = Counter()
    servers = []
    addresses: dict[int, str] = {}
    for province in Province:
        one = StandIn(scene, province, counts)
        server, address = await serve_bytes(
            scene.adapter_tls(province), {ANSWER: one.answer, COVERAGE_OF: one.coverage, BARE_ANSWER: one.bare_answer}
        )
        servers.append(server)
        addresses[int(province)] = address

    async def tell_counts(_: Facts) -> Facts:
        return dict(counts)

    say({"addresses": addresses})
    await answer_lines(tell_counts)
    for server in servers:
        await server.stop(None)


if __name__ == "__main__":
    facts = arguments()
    sys.exit(run_child(lambda: _main(facts)))
