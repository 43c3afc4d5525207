"""The list of a batch on its way through two pages: read from what was sent, looked through, and carried on to the second one.

What is wrong with a line is shown on the second page, and nothing is begun before that. Only lines that can be served are carried
on, with their numbers; what comes back is read as strictly as what came first, for it was in the visitor's hands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from contract.errors import ErrorCode, HurenError
from contract.uscc import Uscc
from gateway.batches.lists import MAX_LINES, ListedLine, from_json, read_list
from gateway.portal.forms import Form

_CARRIED: Final = re.compile(
    r"(?P<line>[1-9][0-9]{0,6}) (?P<uscc>[0-9A-Z]{18})(?: (?P<grant>[0-9a-f]{32,64}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class LookedThrough:
    """A list that was looked through.

    Attributes:
        lines: All its lines.
    """

    lines: tuple[ListedLine, ...]

    @property
    def served(self) -> tuple[ListedLine, ...]:
        """Lines that can be served."""
        return tuple(line for line in self.lines if line.failure is None)

    @property
    def faults(self) -> tuple[ListedLine, ...]:
        """Lines that cannot, and why."""
        return tuple(line for line in self.lines if line.failure is not None)

    @property
    def carried(self) -> str:
        """The lines that can be served, as the second page carries them."""
        return "\n".join(f"{line.line} {line.uscc} {line.grant}".strip() for line in self.served)


def read_sent(form: Form, ticked: Sequence[Uscc]) -> LookedThrough:
    """Reads the file or the text that was sent, and what was ticked beside it. It blocks: callers use a thread.

    Raises:
        HurenError: MALFORMED_REQUEST, with the field at fault: what cannot be read as a whole, or is empty.
    """
    if form.upload is not None:
        return LookedThrough(_read(form.upload.file, "file"))
    text = form.one("list")
    if not text and not ticked:
        raise _malformed("list", "请填写、上传或勾选至少一个主体", "write, send or tick at least one")
    written = _read(text.encode(), "list") if text else ()
    return LookedThrough(_with_ticked(written, ticked))


def read_carried(text: str) -> LookedThrough:
    """Reads what the second page carried.

    Raises:
        HurenError: MALFORMED_REQUEST: somebody altered it.
    """
    matches = [_CARRIED.fullmatch(line) for line in text.split("\n")[: MAX_LINES + 1]]
    numbers = [int(found["line"]) for found in matches if found]
    if len(numbers) != len(matches) or len(set(numbers)) != len(numbers):
        raise _altered()
    try:
        lines = from_json([{"uscc": found["uscc"], "grant": found["grant"] or ""} for found in matches if found])
    except HurenError as error:
        raise _altered() from error
    if any(line.failure for line in lines):
        raise _altered()
    return LookedThrough(tuple(replace(line, line=number) for line, number in zip(lines, numbers, strict=True)))


def _read(content: bytes, field: str) -> tuple[ListedLine, ...]:
    try:
        return read_list(content)
    except HurenError as error:
        if error.code is not ErrorCode.FILE_NOT_ACCEPTED:
            raise
        said = error.parameters
        raise _malformed(field, str(said["problem_zh"]), str(said["problem_en"])) from error


def _with_ticked(written: tuple[ListedLine, ...], ticked: Iterable[Uscc]) -> tuple[ListedLine, ...]:
    """What was written, and what was ticked and does not stand there."""
    known = {line.uscc for line in written}
    last = max((line.line for line in written), default=0)
    more = [code for code in dict.fromkeys(ticked) if code not in known]
    if len(written) + len(more) > MAX_LINES:
        raise _malformed("list", f"不得超过{MAX_LINES}个主体", f"expected at most {MAX_LINES} lines")
    return (
        *written,
        *(ListedLine(line=number, given=code, uscc=code) for number, code in enumerate(more, start=last + 1)),
    )


def _altered() -> HurenError:
    return _malformed("list", "名单已变动，请重新提交名单", "the list is not as it was looked through: send it again")


def _malformed(field: str, problem_zh: str, problem_en: str) -> HurenError:
    return HurenError(ErrorCode.MALFORMED_REQUEST, field=field, problem_zh=problem_zh, problem_en=problem_en)
