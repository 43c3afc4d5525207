"""Names why a text is no day. It decides nothing: the text was refused already; the first line that fits is the name."""

from __future__ import annotations

import re
from typing import Final

from adapters.sdk.errors import NotationFault
from adapters.sdk.notation.folding import PLACEHOLDERS

_NUMBER: Final = r"[0-9零〇○一二三四五六七八九十廿卅元壹贰叁肆伍陆柒捌玖拾]"
_NUMERIC: Final = r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}"
_TIME: Final = r"(?:\s*[0-9]{1,2}[:时点].*)?"

_DASH: Final = r"\s*[-‐‑–—―−]"
_MONTH: Final = r"(?:0?[1-9]|1[0-2]|[零一二三四五六七八九十元壹贰叁肆伍陆柒捌玖拾]{1,3})"
_OPEN_START: Final = r"^自(?!.*[至到])|起(?:施行|实施|执行|生效)?$|以来$|以后$|之后$|[日号]后$"
_RANGE: Final = (
    rf"至|到|[~～]|期间|止|以?前$|之前$|[日号月]{_DASH}|{_NUMERIC}{_DASH}|[0-9]{{8}}{_DASH}|[0-9]\s*[-–—][0-9]+[月日号]"
)
_SEVERAL: Final = (
    rf"、|[日号][,;]|[0-9][,;]\s*[0-9]{{1,2}}[日号]|{_NUMERIC}\s*[,;]|[日号0-9]\s*[和及与]"
    rf"|{_NUMERIC}\s*[/\s]\s*{_NUMERIC}|{_NUMBER}\s*日.*{_NUMBER}\s*日|{_NUMBER}\s*号.*{_NUMBER}\s*号"
)
_MONTH_ONLY: Final = (
    rf"^(?:公元)?{_NUMBER}{{4}}\s*年\s*{_MONTH}\s*月份?$"
    r"|^[0-9]{4}\s*[-/.]\s*(?:0?[1-9]|1[0-2])$|^[0-9]{4}(?:0[1-9]|1[0-2])$"
)
_NO_YEAR: Final = (
    rf"^{_NUMBER}{{1,4}}\s*月\s*{_NUMBER}{{1,4}}\s*[日号]{_TIME}$"
    rf"|^[0-9]{{1,2}}\s*[-/.]\s*[0-9]{{1,2}}{_TIME}$|^{_NUMBER}{{1,4}}[日号]$"
)
_ANOTHER_ERA: Final = (
    r"农历|阴历|夏历|闰|年(?:正|冬|腊)月|月初[一二三四五六七八九十]"
    r"|民国|昭和|平成|令和|回历|佛历|光绪|宣统|^[0-9]{1,3}年.*月.*[日号]"
)
_DAY_MONTH: Final = r"^[0-9]{1,2}\s*[-/.]\s*[0-9]{1,2}\s*[-/.]\s*(?:[0-9]{4}|[0-9]{1,2})(?![0-9])"
_DAMAGED: Final = (
    r"[0-9年月日].*[年月日号]|[年月日号].*[0-9年月日]|^[0-9]{5,9}$|^[0-9]{11,12}$|^[0-9]{4} +[0-9]{1,2} +[0-9]{1,2}"
)
_FAULTS: Final = tuple(
    (re.compile(form), fault)
    for form, fault in (
        (r"[*×]|[xX]{2}|[0-9年月]\s*[xX]|某", NotationFault.MASKED),
        (_OPEN_START, NotationFault.OPEN_START),
        (_RANGE, NotationFault.RANGE),
        (_SEVERAL, NotationFault.SEVERAL_DAYS),
        (r"约|左右|前后|[上中下]旬|[初底末许]$|季度|半年", NotationFault.APPROXIMATE),
        (_ANOTHER_ERA, NotationFault.OUT_OF_RANGE),
        (r"^[-+]?(?:[0-9]{10}|[0-9]{13})$", NotationFault.EPOCH_AMBIGUOUS),
        (_MONTH_ONLY, NotationFault.MONTH_ONLY),
        (rf"^(?:公元)?{_NUMBER}{{4}}\s*年?度?$", NotationFault.YEAR_ONLY),
        (_NO_YEAR, NotationFault.NO_YEAR),
        (_DAY_MONTH, NotationFault.DAY_MONTH_AMBIGUOUS),
        (_DAMAGED, NotationFault.DAMAGED),
    )
)


def fault_of(text: str) -> NotationFault:
    """The name for a refused text, folded and simplified."""
    if text in PLACEHOLDERS:
        return NotationFault.PLACEHOLDER
    return next((fault for form, fault in _FAULTS if form.search(text)), NotationFault.ANOTHER_FORM)
