"""Where names of persons stand in a free text: behind words for what a person is there (法定代表人, 业主, 员工).

It knows words, not people. A run of characters behind such a word is a name if it begins with a surname and ends where a name
must; if it only begins like one, nobody can say where the name ends. Forms that are anonymous already (张某, 李××) are no names.

Texts are folded (searchable.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from adapters.sdk.searchable import Span

HIDDEN: Final = "***"
"""What stands in place of what was hidden."""

_ROLES: Final = (
    "执法人员|法定代表人|法人代表|法人|负责人员?|当事人|经营者|联系人|实际控制人|代理人|经办人|承办人|投资人|出资人|股东|监护人|举报人|投诉人"
    "|受害人|被害人|嫌疑人|见证人|证人|死者|伤者|患者|消费者|顾客|乘客|业主|车主|店主|房东|租客|承租人|住户|村民|居民|员工|职工|工人"
    "|农民工|雇员|店员|学员|司机|驾驶员|驾驶人|操作工|操作员|安全员|人员|医师|医生|护士|教师|保安员?|会计师?|出纳|经理|厂长|店长|主任"
    "|董事长|董事|监事|男子|女子|矿长|所长|校长|院长|主管人员|责任人员?|行为人|经营人|持有人|托运人|发货人|收货人|签收人|申请人"
    "|律师|厨师|销售员|营业员|服务员|收银员|业务员|导游|电工|焊工|工程师|建造师|造价师|药师|技师|检查人员?|调查人员?|送达人|记录人|家属|摊主"
)
_RUN: Final = r"(?P<run>[\u4e00-\u9fff·]{1,40}|\*{3})"
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
POLITE_NAME: Final = re.compile(rf"[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}{_POLITE}")
"""A name without such a word; where it begins is not certain."""

_NO_NAMES: Final = re.compile(
    "高额|陈述|陈列|应当|申请|申辩|申报|安排|安全|安装|任意|任何|任职|包装|包括|包含|高于|高价|高空|高温|经营|成立|成为|成功|解释|解除|解决"
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

NAME: Final = (
    rf"(?:(?=[{_SURNAMES}{_LONG_SURNAMES}])(?!{_NO_NAMES.pattern})"
    rf"(?:{_LONG_SURNAMES}|[{_SURNAMES}])[\u4e00-\u9fff×]{{1,2}})"
)
"""A name of two or three characters (four with a surname of two), as part of a pattern that says where it stands."""


_COUNT: Final = "[0-9一二三四五六七八九十百两]{1,4}"
_OF_SOMEBODY: Final = re.compile(
    rf"{NAME}(?:(?:系|是|担任|任)[^,。;:]{{0,16}}(?:{_ROLES})|\((?:该|系|本)?[^()]{{0,8}}(?:{_ROLES})[^()]{{0,8}}\)"
    rf"|等{_COUNT}[余多]?[人名位]|询问笔录|签字|签名)"
)
_BESIDE_SOMEBODY: Final = re.compile(
    rf"(?:致|造成){NAME}(?:死亡|受伤|重伤|轻伤)|亡[0-9一二三]人\({NAME}|(?:拖欠|克扣){NAME}的?(?:工资|劳动报酬|薪)"
    rf"|[因经据]{NAME}(?:举报|投诉|反映|举证)|(?:其[妻夫父母子女]|妻子|丈夫|儿子|女儿|之[妻子女]){NAME}|拘留{NAME}{_COUNT}[日天]"
    rf"|(?:吊销|暂扣){NAME}的?[^,。;]{{0,6}}(?:驾驶证|资格|执业|证书)|由{NAME}(?:签收|签字|负责|经营)|笔录\({NAME}\)"
)
_LATIN_WORDS: Final = re.compile(r"[A-Za-z][ ·.\-]{1,2}[A-Z]")
_LATIN: Final = re.compile(rf"(?:{_ROLES})(?:姓名)?[\s:(为是系]{{0,4}}[A-Z][A-Za-z]+(?:[ ·.\-]{{1,2}}[A-Z][A-Za-z]*)+")


def names_somebody(folded: str) -> bool:
    """Whether the words around a name tell that a person is spoken of, and not where the name begins and ends.

    张伟系该公司法定代表人; 拖欠张伟等15人工资; 法定代表人JOHN SMITH.
    """
    if _LATIN_WORDS.search(folded) and _LATIN.search(folded):
        return True
    return any(form.search(folded) for form in (_OF_SOMEBODY, _BESIDE_SOMEBODY, POLITE_NAME))


@dataclass(frozen=True, slots=True)
class Names:
    """Names of persons in a text.

    Attributes:
        written: Those that stand there.
        hidden: Where one was hidden before the text came here (***).
    """

    written: tuple[Span, ...]
    hidden: tuple[Span, ...]


def names_in(folded: str) -> Names | None:
    """The names of persons in a text. None: it cannot be said where one ends."""
    written: list[Span] = []
    hidden: list[Span] = []
    for found in _AFTER_ROLE.finditer(folded):
        is_party = found.group().startswith(_PARTY)
        explicit = found["colon"] is not None
        following: re.Match[str] | None = found
        while following is not None:
            start, end = following.span("run")
            if following["run"] == HIDDEN:
                hidden.append((start, end))
            elif anonymous := _ANONYMOUS.match(folded, start):
                end = anonymous.end()
            elif _ORGANISATION.fullmatch(following["run"]):
                break
            else:
                is_name = _is_name(following["run"], explicit=explicit, is_party=is_party)
                if is_name is None:
                    return None
                if not is_name:
                    break
                written.append((start, end))
            explicit = False  # behind 、 and , stands a name, or the text goes on
            following = _NEXT_NAME.match(folded, end)
    return Names(tuple(written), tuple(hidden))


def _is_name(run: str, *, explicit: bool, is_party: bool) -> bool | None:
    """Whether a run of characters is a name. None: it begins like one, and may go on behind it."""
    surname = _SURNAME.match(run)
    if not explicit and (surname is None or _NO_NAMES.match(run) or (is_party and _NO_NAMES_OF_PARTY.match(run))):
        return False
    if len(run) == 1 and not explicit:
        return False
    lengths = _LONG_NAME_LENGTHS if explicit or (surname and surname["long"]) else _NAME_LENGTHS
    return True if len(run) in lengths or (explicit and "·" in run) else None
