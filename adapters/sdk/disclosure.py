"""What may leave the province: personal information in free texts is hidden here, at the origin.

Which fields may leave needs no list: only what the contract has a field for is ever mapped. What remains are free texts, in
which people write names and numbers.

- A text is printed as it stands, with parts hidden, or not at all; which of the three is always said.
- Hidden: mobile numbers, personal numbers of 18 and 15 characters, names after 法定代表人, 负责人, 当事人, 经营者 and the like.
- Where it is not certain how far personal information reaches, the whole text is withheld, and the reader is told whom to ask.
- Already anonymous forms (张某, 李××) are left as they are. Unified codes are no personal information.
"""

from __future__ import annotations

import re
from typing import Final

from adapters.sdk.notation import fold_width
from contract.uscc import UsccError, parse_uscc
from huren.fragment.v1 import record_pb2

WITHHELD_TEXT: Final = "内容含个人信息,请向处罚机关核实"
HIDDEN: Final = "***"

_MOBILE: Final = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_PERSONAL_18: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
_PERSONAL_15: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])")
_BIRTH: Final = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_SPACED: Final = re.compile(r"(?<![0-9])[0-9](?:[ \-]?[0-9Xx]){9,}(?![0-9])")
_SPACED_LENGTHS: Final = frozenset({11, 15, 18})
_DOCUMENT: Final = re.compile(
    r"(?:身份证|公民身份号码|护照|通行证|居留证|军官证|驾驶证)[^,。;0-9A-Za-z*]{0,8}[0-9A-Za-z]{5,}"
)
_HOME: Final = re.compile(r"家庭住址|现住址|户籍|居住地")

_ROLES: Final = "法定代表人|法人代表|负责人|当事人|经营者|联系人|实际控制人|委托代理人"
_AFTER_ROLE: Final = re.compile(rf"(?:{_ROLES})(?:姓名)?(?P<colon>\s*:\s*)?(?P<run>[\u4e00-\u9fff·]+)")
_ORGANISATION: Final = re.compile(
    r"公司|厂|店|中心|局|合作社|事务所|企业|学校|医院|商行|超市|酒店|宾馆|集团|部$|院$|站$|场$|所$|社$"
)
_ANONYMOUS: Final = re.compile(r"[\u4e00-\u9fff][某×]+")
_NAME_LENGTHS: Final = range(2, 4)
_NAME_LENGTHS_AFTER_COLON: Final = range(2, 5)

_SURNAMES: Final = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方"
    "石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕"
    "聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂"
    "闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖"
)
_NO_NAMES: Final = re.compile(
    "于|向|曾|陈述|陈列|应当|申请|申辩|申报|安排|安全|安装|任意|任何|包装|包括|高于|高价|经营|成立|时|解释|常|方|连|单|全|温度|路|何|关|易|支付"
    "|金额|万|钱款|白|许可|许诺|严|施|管|计|车|左右|文|康复|毛利|顾|罗列|郑重|谢绝|董事|程|余|杜绝|夏|田间|范围|陆|马上|周|张贴|来|成|位|强|单"
    "|查|盛|项|游|卫生|简|符|盖|商|谈|边|房|木|古|景|宁|华|席|司|党|晋|畅|宫|迟|米|池|植"
)


def disclose(text: str) -> record_pb2.FreeText:
    """The text as it may leave the province, with what was done to it."""
    # Folded and unfolded text have the same length, so that what is found in one is hidden in the other.
    folded = fold_width(text)
    names = _names(folded)
    if names is None or _cannot_be_masked(folded):
        return record_pb2.FreeText(text=WITHHELD_TEXT, masking=record_pb2.MASKING_WITHHELD)
    spans = [*names, *_numbers(folded)]
    if not spans:
        return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)
    return record_pb2.FreeText(text=_hide(text, spans), masking=record_pb2.MASKING_PARTIAL)


def _cannot_be_masked(folded: str) -> bool:
    rest = _hide(folded, _numbers(folded))
    if _HOME.search(rest) or _DOCUMENT.search(rest):
        return True
    return any(sum(c.isalnum() for c in found.group()) in _SPACED_LENGTHS for found in _SPACED.finditer(rest))


def _numbers(folded: str) -> list[tuple[int, int]]:
    found = [match.span() for pattern in (_MOBILE, _PERSONAL_15) for match in pattern.finditer(folded)]
    personal = (match for match in _PERSONAL_18.finditer(folded) if _is_personal(match.group()))
    return found + [match.span() for match in personal]


def _is_personal(number: str) -> bool:
    """Eighteen characters with a day of birth are a person's, and so is everything that is no unified code."""
    try:
        parse_uscc(number)
    except UsccError:
        return True
    return _BIRTH.match(number) is not None


def _names(folded: str) -> list[tuple[int, int]] | None:
    """Where names of persons stand. None: it cannot be said where one ends."""
    spans: list[tuple[int, int]] = []
    for found in _AFTER_ROLE.finditer(folded):
        run = found["run"]
        if _ANONYMOUS.match(folded, found.start("run")) or _ORGANISATION.search(run):
            continue
        if found["colon"] is None:
            if run[0] not in _SURNAMES or _NO_NAMES.match(run):
                continue
            is_name = len(run) in _NAME_LENGTHS
        else:
            is_name = len(run) in _NAME_LENGTHS_AFTER_COLON or "·" in run
        if not is_name:
            return None
        spans.append(found.span("run"))
    return spans


def _hide(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if start < position:
            continue
        parts += [text[position:start], HIDDEN]
        position = end
    return "".join([*parts, text[position:]])
