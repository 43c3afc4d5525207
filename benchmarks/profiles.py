"""What the samples of the gateway's event loop say: the share of each part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_SHOWN: Final = 40
_START: Final = "gateway/bootstrap.py:"
"""Stands on the stack while the gateway starts, and never afterwards."""

PARTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("declared constraints of messages (protovalidate, instants)", ("contract/payloads.py:check_constraints",)),
    (
        "log line and metrics of the call",
        ("runtime/grpc_interceptor.py:_log_call", "runtime/grpc_interceptor.py:_observed"),
    ),
    ("sealing: building and signing the report", ("gateway/reports/sealing.py:",)),
    ("store: transactions and SQL by SQLAlchemy", ("gateway/store/store.py:",)),
    ("registry look-up, the same way", ("runtime/registry.py:",)),
    ("verifying envelopes", ("signing/verifier.py:", "signing/envelope.py:", "signing/header.py:")),
    ("admission rules A-7 to A-14", ("contract/admission.py:",)),
    ("merge", ("contract/merge.py:",)),
    ("writing and signing queries", ("gateway/reports/questions.py:",)),
    ("asking: gRPC calls, deadlines, tries", ("gateway/reports/fanout.py:", "gateway/federation/peer.py:")),
    ("the rest of the service and its servicer", ("gateway/reports/", "gateway/api/", "gateway/telemetry.py:")),
    ("interceptor", ("runtime/grpc_interceptor.py:",)),
)
"""Parts by what stands anywhere on the stack; the first that fits has the sample. What fits none is gRPC and the event loop."""


def shares(path: Path, requests: int) -> Iterator[str]:
    """The lines that are printed."""
    samples: list[tuple[int, list[str]]] = [
        (weight, stack)
        for weight, stack in json.loads(path.read_bytes())
        if not any(function.startswith(_START) for function in stack)
    ]
    total = sum(weight for weight, _ in samples)
    yield f"event loop's thread: {total / requests / 1000:.0f} µs a report, {len(samples)} different stacks"
    yield ""
    parts: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    leaves: Counter[str] = Counter()
    for weight, stack in samples:
        parts[_part(stack)] += weight
        leaves[stack[0]] += weight
        for function in set(stack):
            inside[function] += weight
    yield from _listed("part", parts, total, requests)
    yield from _listed("function of the project, with what it calls", _ours(inside), total, requests)
    yield from _listed("function by itself, with the C that it calls", leaves, total, requests)


def _part(stack: Sequence[str]) -> str:
    for name, marks in PARTS:
        if any(function.startswith(marks) for function in stack):
            return name
    return "gRPC and the event loop"


def _ours(weights: Counter[str]) -> Counter[str]:
    return Counter({name: weight for name, weight in weights.items() if not name.startswith("<")})


def _listed(title: str, weights: Counter[str], total: int, requests: int) -> Iterator[str]:
    yield f"   share  µs a report  {title}"
    for name, weight in weights.most_common(_SHOWN):
        yield f"  {weight / total:6.1%} {weight / requests / 1000:12.0f}  {name}"
    yield ""
