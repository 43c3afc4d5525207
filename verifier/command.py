"""`huren-verify`: is this report as it was issued, and may it still be relied on?

For whoever receives a report: it needs the file, the members' trust data, and nobody's permission. Offline it says whether the file
is as issued; with a status, from a gateway or from a file, also where the report stands. The file is never sent anywhere.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from contract.catalogue import published_catalogues
from signing import TrustStore, TrustStoreError
from verifier.by_code import code_document, judge, show_code_result
from verifier.online import OnlineError, ask_by_code, fetch_status, require_url
from verifier.showing import result_document, show_result
from verifier.terminal import complain, emit, error_document
from verifier.verdict import EXIT_OTHERWISE, MAX_FILE_BYTES, Result
from verifier.verify import verify, with_status

HELP: Final = """核验互认版专项信用报告（.pdf、.report 或 .json）。 Verify a mutual report.

    huren-verify FILE --trust DIR                              离线 offline
    huren-verify FILE --trust DIR --online https://网关         联网 with the current status
    huren-verify --number 编号 --code 核验码 --trust DIR --online https://网关    没有文件 without the file

文件不会被发送到任何地方。 The file is never sent anywhere.

退出码 exit codes: 0 文件与原件一致，且出具单位刚刚确认未发生影响结论的更新 as issued, and valid by a fresh signed status;
3 文件与原件一致，未核验当前状态 as issued, status not checked; 1 其他 anything else; 2 用法有误 wrong usage.
"""

_MAX_STATUS_BYTES: Final = 64 * 1024


class FileError(Exception):
    """A file cannot be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSource:
    """Where the status of a report comes from. At most one of the first two.

    Attributes:
        online: Address of any gateway.
        file: A status that was saved before.
        save: Where to save a status that came from a gateway.
    """

    online: str = ""
    file: Path | None = None
    save: Path | None = None


OFFLINE: Final = StatusSource()


def verify_file(file: Path, trust: Path, source: StatusSource = OFFLINE, *, as_json: bool) -> int:
    """Verifies a file, shows the result, returns the exit code."""
    try:
        result, note = verified(file, trust, source)
    except TrustStoreError as error:
        return _not_done("TRUST_UNUSABLE", "信任数据不可用", "the trust data cannot be used", error, as_json=as_json)
    except FileError as error:
        return _not_done("FILE_UNREADABLE", "无法读写文件", "a file cannot be read or written", error, as_json=as_json)
    if as_json:
        emit(result_document(result, note=note))
    else:
        show_result(result, note=note)
    return result.wording.exit_code


def verified(file: Path, trust: Path, source: StatusSource = OFFLINE) -> tuple[Result, str]:
    """Verifies a file by a trust directory.

    Returns:
        The result, and why no status came online, where one was asked for.

    Raises:
        FileError: A file cannot be read or written.
        TrustStoreError: The trust data cannot be used.
    """
    store = TrustStore.from_directory(trust)
    data = _read(file, MAX_FILE_BYTES)
    result = verify(data, trust=store, catalogues=published_catalogues(), at=datetime.now(UTC))
    if result.checked is None:
        return result, ""
    if source.file is not None:
        return with_status(result, _read(source.file, _MAX_STATUS_BYTES), trust=store), ""
    if not source.online:
        return result, ""
    try:
        envelope = fetch_status(
            source.online,
            report_number=result.checked.report.report_number,
            report_statement_id=result.checked.statement.statement_id,
        )
    except OnlineError as error:
        return result, str(error)
    found = with_status(result, envelope, trust=store)
    if source.save is not None and found.status is not None:
        _write(source.save, envelope)
    return found, ""


def verify_code(number: str, code: str, trust: Path, online: str, *, as_json: bool) -> int:
    """Verifies by number and code, shows the answer, returns the exit code."""
    try:
        store = TrustStore.from_directory(trust)
        answer = ask_by_code(online, report_number=number, code=code)
    except TrustStoreError as error:
        return _not_done("TRUST_UNUSABLE", "信任数据不可用", "the trust data cannot be used", error, as_json=as_json)
    except OnlineError as error:
        return _not_done("NOT_ONLINE", "未能联网核验", "not verified online", error, as_json=as_json)
    at = datetime.now(UTC)
    result = judge(answer, number, trust=store, at=at)
    if as_json:
        emit(code_document(result))
    else:
        show_code_result(result, trust=store, at=at)
    return result.words.exit_code


def _not_done(code: str, zh: str, en: str, error: Exception, *, as_json: bool) -> int:
    if as_json:
        emit(error_document(code, zh, en, detail=str(error)))
    else:
        complain(f"{zh} · {en}: {error}")
    return EXIT_OTHERWISE


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error


# --- Options ----------------------------------------------------------------------------------------------------------


def _url(text: str) -> str:
    try:
        return require_url(text)
    except ValueError as error:
        raise typer.BadParameter(f"应为 https:// 开头的网关地址 · {error}") from error


FileArgument = Annotated[Path | None, typer.Argument(help="报告文件（.pdf、.report 或 .json）。 A report's file.")]
OnlineOption = Annotated[
    str | None,
    typer.Option(
        "--online",
        parser=_url,
        metavar="URL",
        help="任一网关的公开地址，用于查询当前状态。 Public address of any gateway, to ask where the report stands.",
    ),
]
StatusOption = Annotated[
    Path | None,
    typer.Option("--status", help="此前保存的状态文件。 A status that was saved before.", dir_okay=False),
]
SaveStatusOption = Annotated[
    Path | None,
    typer.Option("--save-status", help="将查得的状态存为文件。 Save the status that is found.", dir_okay=False),
]
NumberOption = Annotated[
    str, typer.Option("--number", metavar="编号", help="报告编号，与 --code 同用。 Report number, with --code.")
]
CodeOption = Annotated[
    str, typer.Option("--code", metavar="核验码", help="报告上的核验码。 The code printed on the report.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]

app: Final = typer.Typer(name="huren-verify", add_completion=False, pretty_exceptions_enable=False)


@app.command(help=HELP, no_args_is_help=True)
def command(
    *,
    trust: Annotated[
        Path | None,
        typer.Option(
            envvar="HUREN_TRUST",
            help="信任数据目录，向信用主管部门取得。 Trust directory of the members.",
            file_okay=False,
        ),
    ] = None,
    file: FileArgument = None,
    online: OnlineOption = None,
    status: StatusOption = None,
    save_status: SaveStatusOption = None,
    number: NumberOption = "",
    code: CodeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Verifies what the options say."""
    if trust is None:
        raise typer.BadParameter(
            "请用 --trust 指明信任数据目录（或设环境变量 HUREN_TRUST） · name the trust directory with --trust (or HUREN_TRUST)"
        )
    raise typer.Exit(
        run(
            file,
            trust,
            online=online or "",
            status=status,
            save_status=save_status,
            by_code=(number, code),
            as_json=as_json,
        )
    )


def run(
    file: Path | None,
    trust: Path,
    *,
    online: str,
    status: Path | None,
    save_status: Path | None,
    by_code: tuple[str, str],
    as_json: bool,
) -> int:
    """Verifies a file, or a number and a code. Returns the exit code.

    Raises:
        typer.BadParameter: The options do not fit together.
    """
    number, code = by_code
    if file is not None and (number or code):
        raise typer.BadParameter("文件与编号、核验码只能选一 · either a file, or number and code")
    if file is None:
        if not (number and code and online):
            raise typer.BadParameter(
                "请给出报告文件；没有文件时用 --number、--code 和 --online · name a file, or use --number, --code and --online"
            )
        if status is not None or save_status is not None:
            raise typer.BadParameter("--status 与 --save-status 只用于核验文件 · these are for files only")
        return verify_code(number, code, trust, online, as_json=as_json)
    if online and status is not None:
        raise typer.BadParameter("--online 与 --status 只能选一 · either --online or --status")
    if save_status is not None and not online:
        raise typer.BadParameter("--save-status 须与 --online 同用 · --save-status needs --online")
    return verify_file(file, trust, StatusSource(online=online, file=status, save=save_status), as_json=as_json)


def main() -> None:
    """Entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # a name that the console cannot write is no reason to say nothing
    app()


if __name__ == "__main__":
    main()
