"""What may leave the province: personal information in free texts is hidden here, at the origin.

Which fields may leave needs no list: only what the contract has a field for is ever mapped. What remains are free texts, in
which people write names and numbers (docs/protocols/query-processing.md, M-9).

- A text is printed as it stands, with parts hidden, or not at all; which of the three is always said.
- Hidden: names after 法定代表人, 业主, 员工 and the like, and the personal numbers that directly follow a hidden name.
- Withheld: everything else that holds a personal number or a word of identity (身份证, 住址, 户籍), because a name that nobody
  recognised may stand beside it; and names of which it is not certain where they end.
- Already anonymous forms (张某, 李××) are left as they are. Unified codes are no personal information.

It knows words, not people: a name without a role word, a number or a word of identity near it is not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from adapters.sdk.notation import fold_width
from contract.uscc import UsccError, parse_uscc
from huren.fragment.v1 import record_pb2

WITHHELD_TEXT: Final = "内容含个人信息，请向处罚机关核实"
HIDDEN: Final = "***"

Span = tuple[int, int]

# --- Numbers and words of identity ------------------------------------------------------------------------------------

_MOBILE: Final = re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])")
_PERSONAL_18: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
_PERSONAL_15: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{15}(?![0-9A-Za-z])")
_BIRTH: Final = re.compile(r"[0-9]{6}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_SPACED: Final = re.compile(r"(?<![0-9])[0-9](?:[ \-]?[0-9Xx]){9,}(?![0-9])")
_SPACED_LENGTHS: Final = frozenset({11, 15, 18})

_IDENTITY: Final = re.compile(
    r"身份证|公民身份号码|(?<!许可)证件号|手机尾?号|手机[^0-9,。;]{0,4}[0-9*×() \-]{5,}|微信号|QQ号|银行卡"
    r"|出生日期|出生于|[年月日]出生|日生(?=[,;。、)]|$)|(?<=[,;、(])[男女](?=[,;。、)]|$)"
)
"""Tells that a person is described here. Tolerated directly behind a hidden name, with its number hidden too."""

_UNMASKABLE: Final = re.compile(
    r"住址|户籍|居住地|居住于|(?<!国)家住|(?:^|[,;。、()\s男女])[现暂]?住(?![房建宅宿所院户客店改])"
    r"|(?:护照|通行证|居留证|军官证|驾驶证)[^,。;0-9A-Za-z*]{0,8}[0-9A-Za-z]{5,}"
)
"""Addresses and papers: nobody can say how far they reach."""

_GAP: Final = r"[\s,;:、()]{0,4}"
_LABEL: Final = (
    r"(?:公民身份号码|(?:居民)?身份证件?(?:号码|号)?|证件(?:号码|号)|联系电话|联系方式|电话|手机(?:号码|号)?)"
)
_NUMBER: Final = r"(?:[0-9]{17}[0-9Xx]|[0-9]{15}|1[3-9][0-9]{9})(?![0-9A-Za-z])"
_BEHIND_NAME: Final = re.compile(rf"(?:{_GAP}(?:[男女]|[汉满回]族|(?:{_LABEL}{_GAP}[为是]?)?{_GAP}{_NUMBER}))*")

# --- Names ------------------------------------------------------------------------------------------------------------

_ROLES: Final = (
    "法定代表人|法人代表|法人|负责人|当事人|经营者|联系人|实际控制人|代理人|经办人|承办人|投资人|出资人|股东|监护人|举报人|投诉人"
    "|受害人|被害人|嫌疑人|见证人|证人|死者|伤者|患者|消费者|顾客|乘客|业主|车主|店主|房东|租客|承租人|住户|村民|居民|员工|职工|工人"
    "|农民工|雇员|店员|学员|司机|驾驶员|驾驶人|操作工|操作员|安全员|人员|医师|医生|护士|教师|保安|会计|出纳|经理|厂长|店长|主任"
    "|董事长|董事|监事|男子|女子"
)
_RUN: Final = r"(?P<run>[\u4e00-\u9fff·]{1,40})"
_AFTER_ROLE: Final = re.compile(
    rf"(?:{_ROLES})(?:代表|本人)?(?:姓名)?(?:(?P<colon>\s{{0,8}}:\s{{0,8}})|[\s(]{{0,8}}(?:名叫|名为|为|是|系|叫)?[\s(]{{0,8}})"
    rf"(?={_RUN})"
)
_NEXT_NAME: Final = re.compile(rf"\s{{0,8}}[、,]\s{{0,8}}(?={_RUN})")
_POLITE: Final = r"(?:先生|女士|同志)"
_ORGANISATION: Final = re.compile(
    r"[^在到去从与和及的任系为是]{2,}(?:公司|厂|店|中心|局|合作社|事务所|企业|学校|医院|商行|超市|酒店|宾馆|集团|部|院|站|场|所|社)"
)
_ANONYMOUS: Final = re.compile(r"[\u4e00-\u9fff][某×]+")
_NAME_LENGTHS: Final = range(2, 4)
_LONG_NAME_LENGTHS: Final = range(2, 5)
"""Behind a colon, or with a surname of two characters."""

_SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方"
    "石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕"
    "聂丛焦向柳邢路岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂"
    "闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖"
    "肖闫付代佟佘尚宗冷寇荆巩仝亢栗仇岑戎桑麻逯郗谌惠仲蒲贝"
)
_LONG_SURNAMES: Final = "欧阳|上官|诸葛|皇甫|尉迟|公孙|慕容|司徒|司马|令狐|夏侯|东方|独孤|宇文|长孙|端木|呼延"
_SURNAME: Final = re.compile(rf"(?P<long>{_LONG_SURNAMES})|[{_SURNAMES}]")
_POLITE_NAME: Final = re.compile(rf"[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}{_POLITE}")

_NO_NAMES: Final = re.compile(
    "陈述|陈列|应当|申请|申辩|申报|安排|安全|安装|任意|任何|任职|包装|包括|包含|高于|高价|高空|高温|经营|成立|成为|成功|解释|解除|解决"
    "|温度|支付|金额|万元|钱款|许可|许诺|左右|康复|毛利|顾客|罗列|郑重|谢绝|董事|杜绝|田间|范围|陆续|马上|张贴|张挂|史料|金融|石油|江河"
    "|方可|方能|方式|方面|方法|方案|连续|连锁|连同|单位|单独|单方|单次|单个|全部|全体|全程|全年|全国|全市|全面|路面|路口|路段|何时|何种"
    "|关于|关闭|关联|关键|关停|易制|易燃|易爆|白天|白酒|严重|严格|施工|施行|施用|施救|管理|管道|管控|计划|计算|计入|计量|车辆|车间|车牌"
    "|文件|文书|文号|文字|程序|余额|余下|夏季|周边|周转|周期|周围|来自|来源|来料|位于|位置|强行|强制|强迫|强调|强令|查询|查明|查获|查验"
    "|盛装|盛放|项目|游客|游泳|游戏|卫生|简易|简称|符合|盖章|盖有|商品|商标|商业|商户|商铺|商场|谈话|房屋|房间|房产|房地产|木材|木制|古籍"
    "|景区|司机|司法|党员|晋级|迟延|迟报|迟迟|植物|米面|池塘|向(?:当事|本|我|其|执法|社会|消费|法院|劳动|人民|有关|相关|主管|监管|行政)"
    "|于(?:当|同|上|本|该|现|次|是|某|事)|曾(?:经|因|于|向|被|多|在)|时(?:间|任|有)|常(?:年|用|住|见|规)"
    "|付款|付费|付清|代表|代理|代为|代办|代收|代码|尚未|尚有|尚不|冷藏|冷库|冷冻|仲裁|宗旨|惠民"
)
"""Words that begin with a surname. A word that is missing here costs a text, not a name."""

_NO_NAMES_OF_PARTY: Final = re.compile("于|向|曾|时|常|经|全|方")
"""当事人 is nearly always the enterprise, and these go on with what it did."""

_PARTY: Final = "当事人"


def disclose(text: str) -> record_pb2.FreeText:
    """The text as it may leave the province, with what was done to it."""
    # Folded and unfolded text have the same length, so that what is found in one is hidden in the other.
    folded = fold_width(text)
    hidden = _hideable(folded)
    if hidden is None:
        return record_pb2.FreeText(text=WITHHELD_TEXT, masking=record_pb2.MASKING_WITHHELD)
    if not hidden:
        return record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)
    return record_pb2.FreeText(text=_hide(text, hidden), masking=record_pb2.MASKING_PARTIAL)


def _hideable(folded: str) -> list[Span] | None:
    """What is to be hidden. None: it cannot be said how far personal information reaches."""
    names = _names(folded)
    numbers = _numbers(folded)
    if names is None or _is_unmaskable(folded):
        return None
    described = [(start, _end_of_description(folded, end)) for start, end in names]
    told = [*numbers, *(found.span() for found in _IDENTITY.finditer(folded))]
    if not all(_lies_in(span, described) for span in told):
        return None
    return [*names, *numbers]


def _end_of_description(folded: str, end: int) -> int:
    """The end of what directly follows a name: sex, and numbers with their labels."""
    found = _BEHIND_NAME.match(folded, end)
    return found.end() if found else end


def _lies_in(span: Span, others: Iterable[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)


def _is_unmaskable(folded: str) -> bool:
    if _UNMASKABLE.search(folded) or _POLITE_NAME.search(folded):
        return True
    rest = _hide(folded, _numbers(folded))
    return any(sum(c.isalnum() for c in found.group()) in _SPACED_LENGTHS for found in _SPACED.finditer(rest))


def _numbers(folded: str) -> list[Span]:
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


def _names(folded: str) -> list[Span] | None:
    """Where names of persons stand. None: it cannot be said where one ends."""
    spans: list[Span] = []
    for found in _AFTER_ROLE.finditer(folded):
        is_party = found.group().startswith(_PARTY)
        explicit = found["colon"] is not None
        following: re.Match[str] | None = found
        while following is not None:
            start, end = following.span("run")
            if anonymous := _ANONYMOUS.match(folded, start):
                end = anonymous.end()
            elif _ORGANISATION.fullmatch(following["run"]):
                break
            else:
                is_name = _is_name(following["run"], explicit=explicit, is_party=is_party)
                if is_name is None:
                    return None
                if not is_name:
                    break
                spans.append((start, end))
            explicit = False  # behind 、 and , stands a name, or the text goes on
            following = _NEXT_NAME.match(folded, end)
    return spans


def _is_name(run: str, *, explicit: bool, is_party: bool) -> bool | None:
    """Whether a run of characters is a name. None: it begins like one, and may go on behind it."""
    surname = _SURNAME.match(run)
    if not explicit and (surname is None or _NO_NAMES.match(run) or (is_party and _NO_NAMES_OF_PARTY.match(run))):
        return False
    if len(run) == 1 and not explicit:
        return False
    lengths = _LONG_NAME_LENGTHS if explicit or (surname and surname["long"]) else _NAME_LENGTHS
    return True if len(run) in lengths or (explicit and "·" in run) else None


def _hide(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if start < position:
            continue
        parts += [text[position:start], HIDDEN]
        position = end
    return "".join([*parts, text[position:]])
