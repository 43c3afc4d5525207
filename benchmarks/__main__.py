"""Measures what a report costs beyond asking: `python -m benchmarks`.

1  scene      keys, subjects, settings of a federation that exists for this run
2  start      four provinces, the real gateway, the callers, and the bare contender, all up until the end
3  rounds     a warm-up, then rounds of both contenders at 1, 16 and 64 callers; forged answers in each
4  judge      rows, answers and refusals must be exactly as many as there were requests; else the run does not count
5  tell       the table, and the numbers behind it
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import figures, profiles
from benchmarks.adapters import RECORDS
from benchmarks.child import Child, Facts
from benchmarks.figures import Block, percentile
from benchmarks.load import BARE, FULL
from benchmarks.scene import FORGER, Scene
from contract.province import Province
from huren.fragment.v1 import adapter_service_pb2
from huren.report.v1 import report_pb2
from huren.report.v1 import report_service_pb2 as wire
from signing import decode_envelope

CALLERS: Final = (1, 16, 64)
FORGED_SUBJECTS: Final = 4
SAME_SIZE: Final = 0.01
"""How far the mean size of the replies of a block may be from that of the first report: instants differ in length."""

COMPARED: Final = """\
full   the real gateway: a request over mutual TLS, checked; four queries signed and stored; four fragments of {fragment_kb} kB
       fetched over mutual TLS, verified and admitted; merged; the report ({reply_kb} kB) numbered, signed and stored in SQLite
       (synchronous=FULL, a file on this disk); its metrics, and one log line a call, as in production.
bare   the same front (grpc.aio, mutual TLS, uvloop), the same channels to the same four stand-ins, the same sizes on every hop;
       nothing is parsed, checked, signed, verified, merged, stored, counted or logged.
Not in it: handshakes (connections are kept), networks (loopback), searching in platforms (stand-ins sign and do nothing else),
       more than one gateway. Callers and stand-ins are Python too. Where a contender leaves its core idle, they are what it
       waits for; so part of the latency of bare is theirs, and the ratios of latency are the milder for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is measured, and how long."""

    rounds: int
    requests: int
    subjects: int
    json: Path | None
    profile: Path | None
    work: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing without which the run does not count."""

    name: str
    expected: object
    got: object

    @property
    def held(self) -> bool:
        """Whether it is so."""
        return self.expected == self.got


@dataclass(slots=True)
class Tally:
    """What happened in all blocks, the warm-up and the forged ones included."""

    full: int = 0
    bare: int = 0
    forged: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    report_numbers: list[str] = field(default_factory=list)
    open: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of the messages of one real report."""

    request: int
    query: int
    answers: tuple[int, ...]
    reply: int
    records: int


class Run:
    """The processes of a run, and what they did."""

    def __init__(self, options: Options, folder: Path, stack: ExitStack) -> None:
        """Steps 1 and 2."""
        self._options = options
        self._scene = Scene.make(folder, honest=options.subjects, forged=FORGED_SUBJECTS)  # 1
        self.pins = _pins()
        self.tally = Tally()
        self.blocks: list[Block] = []
        self.threads: dict[str, float] = {}
        where = {"folder": folder, "honest": self._scene.honest, "forged": self._scene.forged}
        self._adapters = stack.enter_context(Child("adapters", where, cpu=self.pins[1], log=folder / "adapters.log"))
        addresses: dict[str, str] = self._adapters.hear()["addresses"]
        settings = self._scene.write_settings({Province(int(key)): value for key, value in addresses.items()})
        self._full = stack.enter_context(
            Child(
                FULL,
                {"settings": settings, "profile": options.profile},
                cpu=self.pins[0],
                log=folder / "gateway.log",
            )
        )
        self._load = stack.enter_context(Child("load", where, cpu=self.pins[1], log=folder / "load.log"))
        self._load.hear()
        self._load.ask(connect=FULL, address=self._full.announced(self._scene.announce)["grpc"])
        self.sizes = self._measure_sizes()
        self._bare = stack.enter_context(
            Child(
                BARE,
                {
                    **where,
                    "adapters": addresses,
                    "query_bytes": self.sizes.query,
                    "reply_bytes": self.sizes.reply,
                },
                cpu=self.pins[0],
                log=folder / "bare.log",
            )
        )
        self._load.ask(connect=BARE, address=self._bare.hear()["address"])

    def _measure_sizes(self) -> Sizes:
        """Makes one report and looks at what went over each hop."""
        told = self._load.ask(contender=FULL, callers=1, requests=1, subjects=[0], show=True)
        self._count(FULL, 1, told)
        if not told["report_numbers"]:
            raise RuntimeError(f"the first request came to no report: {told['failures']} {told['open']}")
        reply = base64.b64decode(told["reply"])
        envelope = decode_envelope(wire.RequestReportResponse.FromString(reply).sealed.report_envelope)
        report = report_pb2.Report.FromString(envelope.payload)
        queries = [
            adapter_service_pb2.AnswerRequest(query_envelope=one.query_envelope).ByteSize() for one in report.answers
        ]
        answers = [
            adapter_service_pb2.AnswerResponse(answer_envelope=one.fragment_envelope).ByteSize()
            for one in report.answers
        ]
        return Sizes(
            request=len(base64.b64decode(told["request"])),
            query=max(queries),
            answers=tuple(answers),
            reply=len(reply),
            records=report.conclusion.penalty_count,
        )

    def rounds(self) -> None:
        """Step 3."""
        for number in range(self._options.rounds + 1):
            # Who is first changes from round to round.
            order = (FULL, BARE) if number % 2 else (BARE, FULL)
            for callers in CALLERS:
                for contender in order:
                    self._block(number, contender, callers)
            self._forged()
            _progress(f"round {number} of {self._options.rounds}" + (" (warm-up)" if number == 0 else ""))

    def only_full(self, callers: int) -> None:
        """Step 3 of a profile: one contender, one number of callers."""
        for _ in range(self._options.rounds + 1):
            self._block(0, FULL, callers)

    def _block(self, number: int, contender: str, callers: int) -> None:
        gateway = self._full if contender == FULL else self._bare
        threads_before, before = gateway.thread_cpu_s(), gateway.cpu_s()
        told = self._load.ask(
            contender=contender,
            callers=callers,
            requests=self._options.requests,
            subjects=list(range(self._scene.honest)),
        )
        time.sleep(0.05)  # what a gateway does after its last reply is its cost too
        used_s, threads = gateway.cpu_s() - before, gateway.thread_cpu_s()
        self._count(contender, self._options.requests, told)
        latencies = told["latencies_s"]
        if number == 0 or not latencies:
            return
        if contender == FULL and callers == CALLERS[-1]:
            for kind, seconds in threads.items():
                self.threads[kind] = self.threads.get(kind, 0.0) + seconds - threads_before.get(kind, 0.0)
        self.blocks.append(
            Block(
                round=number,
                contender=contender,
                callers=callers,
                succeeded=len(latencies),
                cpu_us=1e6 * used_s / len(latencies),
                p50_ms=1e3 * percentile(latencies, 0.5),
                p99_ms=1e3 * percentile(latencies, 0.99),
                per_s=len(latencies) / told["wall_s"],
                core_share=used_s / told["wall_s"],
                reply_bytes=told["reply_bytes"] / len(latencies),
            )
        )

    def _forged(self) -> None:
        """The negative control: forged and honest answers at the same time."""
        honest = range(FORGED_SUBJECTS)
        forged = range(self._scene.honest, self._scene.honest + FORGED_SUBJECTS)
        subjects = [subject for pair in zip(honest, forged, strict=True) for subject in pair]
        told = self._load.ask(contender=FULL, callers=len(subjects), requests=len(subjects), subjects=subjects)
        self.tally.forged += len(forged)
        self._count(FULL, len(subjects), told)

    def _count(self, contender: str, requests: int, told: Facts) -> None:
        if contender == FULL:
            self.tally.full += requests
            self.tally.report_numbers += told["report_numbers"]
            self.tally.open += told["open"]
        else:
            self.tally.bare += requests
        for what, times in told["failures"].items():
            self.tally.failures[what] = self.tally.failures.get(what, 0) + times

    def judge(self) -> list[Check]:
        """Step 4. Ends the gateway first, so that nothing is counted that is not on the disk."""
        adapters = self._adapters.ask()
        stopped = self._full.stop()
        stored = _stored(self._scene)
        tally = self.tally
        sealed = tally.full - tally.forged
        refused = {province.slug: "ANSWERED" for province in Province} | {FORGER.slug: "INADMISSIBLE SIGNATURE_INVALID"}
        replies = {one.reply_bytes for one in self.blocks if one.contender == BARE}
        unlike = [one.reply_bytes for one in self.blocks if abs(one.reply_bytes / self.sizes.reply - 1) > SAME_SIZE]
        return [
            Check(name="failed requests", expected={}, got=tally.failures),
            Check(name="rows in reports", expected=sealed, got=stored["reports"]),
            Check(name="of them, those whose numbers the callers got", expected=sealed, got=self._known(stored)),
            Check(name="requests left open", expected=tally.forged, got=stored["open_requests"]),
            Check(name="reports with a forged fragment", expected=0, got=stored["forged_reports"]),
            Check(name="outcomes named SIGNATURE_INVALID", expected=tally.forged, got=stored["signature_invalid"]),
            Check(name="what callers of those were told", expected=[refused] * tally.forged, got=tally.open),
            Check(name="fragments signed", expected=4 * sealed + 3 * tally.forged, got=adapters.get("signed", 0)),
            Check(name="fragments forged", expected=tally.forged, got=adapters.get("forged", 0)),
            Check(name="answers to the bare contender", expected=4 * tally.bare, got=adapters.get("bare", 0)),
            Check(name="penalties in a report", expected=4 * RECORDS, got=self.sizes.records),
            Check(name="sizes of bare replies", expected={float(self.sizes.reply)} if replies else set(), got=replies),
            Check(name="blocks whose replies were of another size", expected=[], got=unlike),
            Check(name="exit code of the gateway", expected=0, got=stopped),
        ]

    def _known(self, stored: Facts) -> int:
        return len(set(self.tally.report_numbers) & set(stored["report_numbers"]))


def _stored(scene: Scene) -> Facts:
    """What the gateway left behind."""
    forged = scene.forged_codes()
    marks = ",".join("?" * len(forged))
    database = sqlite3.connect(f"file:{scene.database}?mode=ro", uri=True)
    try:

        def one(query: str, *values: str) -> int:
            return int(database.execute(query, values).fetchone()[0])

        numbers = [row[0] for row in database.execute("SELECT report_number FROM reports")]
        return {
            "reports": len(numbers),
            "report_numbers": numbers,
            "open_requests": one("SELECT count(*) FROM requests WHERE state = 'OPEN'"),
            "forged_reports": one(f"SELECT count(*) FROM reports WHERE owner IN ({marks})", *forged),  # noqa: S608  # marks only
            "signature_invalid": one("SELECT count(*) FROM outcomes WHERE reason = 'SIGNATURE_INVALID'"),
        }
    finally:
        database.close()


def _pins() -> tuple[int | None, int | None]:
    """The CPU of the gateways, and that of everything else. None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def _machine() -> Facts:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(text: str = "") -> None:
    print(text, flush=True)


def _tell(run: Run, machine: Facts, elapsed_s: float) -> None:
    """Step 5."""
    answers = sum(run.sizes.answers) / len(run.sizes.answers)
    _print(COMPARED.format(fragment_kb=f"{answers / 1000:.1f}", reply_kb=f"{run.sizes.reply / 1000:.0f}"))
    _print()
    _print(
        f"{machine['cpu']}, {machine['cpus']} CPUs, Python {machine['python']}; load before: {machine['load_before']}"
    )
    gateway, rest = run.pins
    if gateway is None:
        _print("nothing is pinned: there is only one CPU")
    else:
        _print(
            f"pinned: each gateway to CPU {gateway}; provinces and callers to CPU {rest}; all up at once, {elapsed_s:.0f} s"
        )
    _print()
    for line in figures.table(run.blocks):
        _print(line)
    _print()
    total = sum(run.threads.values())
    shares = ", ".join(
        f"{kind} {used / total:.0%}" for kind, used in sorted(run.threads.items(), key=lambda it: -it[1])
    )
    _print(f"full, {CALLERS[-1]} callers: CPU by thread: {shares}")
    tally = run.tally
    _print(
        f"requests: {tally.full} full ({tally.forged} with a forged fragment), {tally.bare} bare; "
        f"failed: {sum(tally.failures.values())}; reports: {len(tally.report_numbers)}"
    )


def _judged(checks: list[Check]) -> bool:
    _print()
    for check in checks:
        if check.held:
            shown = f"{len(check.got)} as expected" if isinstance(check.got, list | set | dict) else check.got
            _print(f"  held    {check.name}: {shown}")
        else:
            _print(f"  BROKEN  {check.name}: expected {check.expected}, got {check.got}")
    held = all(check.held for check in checks)
    if not held:
        _print("THE RUN DOES NOT COUNT.")
    return held


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Full path ÷ bare fan-out of the same bytes."
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds; a warm-up comes before (%(default)s)")
    parser.add_argument("--requests", type=int, default=200, help="requests of each block (%(default)s)")
    parser.add_argument("--json", type=Path, help="where to write all numbers")
    parser.add_argument(
        "--quick", action="store_true", help="one round of few requests: shows that it runs, measures nothing"
    )
    parser.add_argument(
        "--profile", type=Path, help="only the gateway, 16 callers, sampled; the stacks go into this file"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/bench"), help="folder for files of the run (%(default)s)"
    )
    told = parser.parse_args()
    if told.rounds < 1 or told.requests < 1:
        parser.error("at least one round and one request expected")
    return Options(
        rounds=1 if told.quick else told.rounds,
        requests=16 if told.quick else told.requests,
        subjects=8 if told.quick else 64,
        json=told.json,
        profile=None if told.profile is None else told.profile.absolute(),
        work=told.work,
    )


def main() -> int:
    """One run. Returns the exit code: 1 where it does not count."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=options.work)).resolve()
    machine, began_at = _machine(), time.monotonic()
    with ExitStack() as stack:
        run = Run(options, folder, stack)
        if options.profile is not None:
            run.only_full(16)
        else:
            run.rounds()
        checks = run.judge()
        if options.profile is not None:
            for line in profiles.shares(options.profile, run.tally.full):
                _print(line)
        else:
            _tell(run, machine, time.monotonic() - began_at)
        held = _judged(checks)
    if options.json is not None:
        facts = {
            "held": held,
            "machine": machine,
            "pins": run.pins,
            "sizes": asdict(run.sizes),
            "summary": figures.summary(run.blocks),
            "blocks": [asdict(block) for block in run.blocks],
            "thread_cpu_s": run.threads,
            "checks": [
                {"name": check.name, "held": check.held, "expected": check.expected, "got": check.got}
                for check in checks
            ],
        }
        options.json.write_text(json.dumps(facts, indent=1, ensure_ascii=False, default=list) + "\n", encoding="utf-8")
    if held:
        shutil.rmtree(folder)
    else:
        _print(f"kept: {folder}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
