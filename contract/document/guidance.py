"""第五部分 核验方法、第六部分 异议与修复、附 名词解释: what a reader does with the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from contract.document.lines import Json, china_instant, line, table
from contract.document.reading import Reading
from contract.document.words import NOT_STATED, SUITES

_VERIFYING: Final = (
    "联网核验：扫描二维码，或者在四地任一核验页面输入报告编号和核验码，也可以上传本报告的电子文件。",
    "请将页面所示内容与手中报告逐项核对，不一致的请勿采信。",
    "离线核验：使用核验工具打开本报告的电子文件。离线核验不能确认出具后是否已更新或者作废，请同时联网核验当前状态。",
    "扫描件、照片和另存的文件不含出具数据，请扫描二维码或者输入报告编号和核验码。",
    "部分阅读软件可能提示签名身份未知，请以核验页面结果为准。",
)
"""The last one is W-29."""

_CASES: Final = table(
    ("情形", "办理方式"),
    (
        ("已缴纳罚款或者已履行义务，但未显示", "申请更新，附履行凭证"),
        (
            "内容与事实不符、主体认定错误、依法不应当公开、公示或者收录期限不符、重复收录、遗漏更新",
            "提出异议，由注册地信用主管部门牵头处理，书面答复",
        ),
        ("符合信用修复条件", "向「信用中国」网站或者作出认定的部门申请信用修复"),
        ("失信被执行人名单信息", "向执行法院申请纠正或者删除，不适用信用修复"),
        ("对行政处罚决定本身不服", "按决定书载明的途径和期限申请行政复议或者提起行政诉讼"),
        ("接收单位不接受本报告", "向接收单位所在省（市）信用主管部门反映"),
    ),
)

_TERMS: Final[Mapping[str, str]] = {
    "简易程序": (
        "违法事实确凿并有法定依据，对法人或者其他组织处以法律规定限额以下罚款或者警告的，可以当场作出行政处罚决定的程序。"
    ),
    "列入、移出": "列入是有关机关决定将主体列入严重失信主体名单；移出是有关机关决定将其从名单中移出。",
    "归集时间": "省（市）公共信用信息平台收到该条信息的时间；「数据归集至」是该领域数据整体更新到的时间。",
    "公示期": "行政处罚信息依照规定向社会公示的期限。公示期届满不等于处罚决定失去效力。",
    "信用修复": "主体纠正失信行为、履行义务后，依照规定申请停止公示和共享失信信息的活动。",
    "未纳入": "该省（市）尚未就该领域的此类事项参加互认。本报告对其不作任何反映，不能据此判断有无记录。",
    "同一决定": "同一机关在同一日作出、文号相同的决定。由不同来源重复报送的，均列示，只计一次。",
    "片段编号": "各省（市）对本次查询所作反馈的编号，用于查找和核对该项反馈。",
}


def verification(reading: Reading) -> Json:
    """第五部分."""
    return {
        "heading": "第五部分　核验方法",
        "paragraphs": list(_VERIFYING),
        "addresses_heading": "四地核验网址",
        "lines": list(_evidence(reading)),
    }


def _evidence(reading: Reading) -> Iterator[Json]:
    """What a person who knows the protocol needs to find and redo it all."""
    statement, report = reading.checked.statement, reading.report
    yield line("报告声明编号", statement.statement_id.hex())
    yield line("签名密钥编号", statement.signer.keyid)
    yield line("签名算法", SUITES[statement.signer.suite])
    yield line("清单文件摘要", report.catalogue.digest.hex(), "（SHA-256）")
    yield line("规则版本", f"接收规则第{report.rules.admission}版，汇总规则第{report.rules.merge}版")
    yield line("出具时间", china_instant(reading.checked.issued_at), "（北京时间）")


def objection(reading: Reading) -> Json:
    """第六部分."""
    issuer = reading.report.issuer
    contact = [line("受理单位", issuer.unit), line("电话", issuer.telephone or NOT_STATED)]
    if issuer.url:
        contact.append(line("网址", issuer.url))
    return {
        "heading": "第六部分　异议与修复",
        "paragraphs": [
            "对本报告所载记录，按下列情形办理，均不收取任何费用。",
            "对记录内容有异议的，由注册地信用主管部门牵头处理；异议处理不影响申请行政复议和提起行政诉讼的权利和期限。",
        ],
        "cases": _CASES,
        "contact": contact,
    }


def glossary() -> Json:
    """附 名词解释."""
    return {"heading": "附　名词解释", "entries": [{"term": term, "text": text} for term, text in _TERMS.items()]}
