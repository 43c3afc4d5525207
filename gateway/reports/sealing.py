"""Sealing: a report is put together from what was admitted, numbered and signed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from contract import admission, merge, report_number
from contract.catalogue import Catalogue
from contract.days import china_day
from contract.merge import Merged
from contract.outcome import Admitted
from contract.payloads import REPORT
from contract.province import Province
from gateway.domain.codes import TYPED_ALPHABET, TYPED_LENGTH
from gateway.domain.request import Sealed
from gateway.store.store import NewReport, StoredRequest
from huren.common.v1 import common_pb2
from huren.report.v1 import report_pb2
from signing import Signer

_CODE_BYTES: Final = 18
"""Random bytes of a verification code: 144 bits, 24 characters without padding."""


def new_typed_code() -> str:
    """A random 核验码 of 80 bits, for people to type together with the number, where only a few tries are allowed."""
    return "".join(secrets.choice(TYPED_ALPHABET) for _ in range(TYPED_LENGTH))


class Sealer:
    """Makes reports of one home."""

    def __init__(self, *, province: Province, signer: Signer, issuer: common_pb2.Contact, specimen: bool) -> None:
        self._province = province
        self._signer = signer
        self._issuer = issuer
        self._specimen = specimen

    def is_usable(self, sequence: int, at: datetime) -> bool:
        """Whether the number of a sequence is one to be given out."""
        return report_number.reads_well(report_number.make(self._province, china_day(at), sequence))

    def seal(
        self,
        request: StoredRequest,
        admitted: Iterable[Admitted],
        merged: Merged,
        *,
        catalogue: Catalogue,
        sequence: int,
        at: datetime,
    ) -> NewReport:
        """Makes and signs the report.

        Raises:
            RuntimeError: The merge has no conclusion, so nothing may be sealed.
        """
        if merged.conclusion is None:
            raise RuntimeError("a merge without a conclusion does not seal")
        number = report_number.make(self._province, china_day(at), sequence)
        report = report_pb2.Report(
            header=self._signer.new_header(at),
            report_number=number,
            request_id=request.request_id,
            subject=request.subject,
            window=request.window,
            cells=request.cells,
            catalogue=catalogue.ref,
            catalogue_file=catalogue.file,
            purpose=request.purpose,
            answers=[
                report_pb2.Answer(
                    province=one.province.wire,
                    query_envelope=one.question.envelope,
                    fragment_envelope=one.statement.envelope,
                    coverage_envelope=one.coverage.statement.envelope,
                )
                for one in sorted(admitted, key=lambda one: one.province)
            ],
            columns=merged.columns,
            repeated_decisions=merged.repeated_decisions,
            conclusion=merged.conclusion,
            rules=report_pb2.RulesVersions(admission=admission.VERSION, merge=merge.VERSION),
            issuer=self._issuer,
            specimen=self._specimen,
        )
        signed = self._signer.sign(REPORT, report)
        sealed = Sealed(
            report_number=number,
            envelope=signed.envelope,
            verification_code=secrets.token_urlsafe(_CODE_BYTES),
            typed_code=new_typed_code(),
            issued_at=at,
        )
        return NewReport(sealed=sealed, statement_id=signed.statement_id, issued_at=at)
