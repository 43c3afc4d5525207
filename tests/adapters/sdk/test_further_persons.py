"""Persons as they stand in facts and contents: none of the names here may leave, and texts without persons leave whole."""

from __future__ import annotations

import pytest

from adapters.sdk.disclosure import disclose
from huren.fragment.v1 import record_pb2

WITH_PERSONS = [
    "法定代表人张伟经营的示例公司无照经营",
    "当事人张伟，男，汉族，1980年1月1日生，住示例市示例路1号",
    "经查，张伟系该公司法定代表人",
    "该公司员工张伟操作不当",
    "张伟（该公司员工）操作不当",
    "由张伟负责现场管理",
    "执法人员张伟、李四到现场检查",
    "检查人员：张伟",
    "询问笔录（张伟）",
    "证据：张伟询问笔录、营业执照",
    "证人张伟证言",
    "张伟签字确认",
    "由张伟签收",
    "送达人张伟",
    "厨师张伟未持有健康证",
    "电工张伟无证上岗",
    "特种作业人员张伟无证上岗",
    "监理工程师张伟",
    "注册会计师张伟",
    "保安员张伟",
    "代理律师张伟",
    "会计张伟",
    "导游张伟",
    "销售员张伟",
    "拖欠张伟等15人工资12万元",
    "欠张伟等十五人工资",
    "拖欠张伟工资5000元",
    "拖欠工人张伟等15人工资",
    "消费者张女士名叫张伟",
    "当事人因张伟举报",
    "患者张伟于2024年就诊",
    "其妻张伟",
    "丈夫张伟",
    "致张伟死亡",
    "死亡1人（张伟）",
    "造成工人张伟、李四死亡",
    "对张伟罚款500元",
    "罚款张伟500元",
    "给予张伟行政拘留5日",
    "行政拘留张伟5日",
    "吊销张伟驾驶证",
    "对法定代表人张伟处上一年年收入百分之三十的罚款计30000元",
    "張偉係法定代表人，法定代表人張偉",
]
WITH_DETAILS = [
    ("联系电话13800000000", "13800000000"),
    ("车牌号京A12345", "京A12345"),
    ("邮箱abc@example.com", "abc@"),
    ("微信号abc12345", "abc12345"),
    ("QQ：123456789", "123456789"),
    ("身份证号码110101198001010015", "110101"),
    ("护照号E12345678", "E1234"),
    ("法定代表人 JOHN SMITH", "SMITH"),
    ("法定代表人：买买提·艾力", "艾力"),
    ("账号6222020000000000000", "6222"),
    ("行政拘留其法定代表人5日", "法定代表人"),
]
WITHOUT_PERSONS = [
    "当事人未取得许可从事经营活动",
    "当事人方便面不合格",
    "该公司注册地址示例市示例路1号",
    "统一社会信用代码91110118MY7B8J0Y0R",
    "产品批号20240301123456789",
    "事故造成1人死亡",
    "未对从业人员进行安全生产教育和培训",
    "未配备专职安全生产管理人员",
    "投诉人刘某反映",
    "员工某某未签劳动合同",
    "使用未经检验的特种设备，安全管理人员未持证",
    "公司电话0311-12345678",
    "金额系经营所得，由公司负责人员确认",
    "因经营不善等原因，由单位负责整改",
    "成品油等15个批次不合格",
    "白酒等20名目商品未明码标价",
    "拖欠职工工资12万元",
]


@pytest.mark.parametrize("text", WITH_PERSONS)
def test_no_name_leaves(text: str) -> None:
    disclosed = disclose(text)

    assert disclosed.masking != record_pb2.MASKING_NONE
    assert "张伟" not in disclosed.text
    assert "張偉" not in disclosed.text
    assert "李四" not in disclosed.text


@pytest.mark.parametrize(("text", "detail"), WITH_DETAILS)
def test_no_detail_leaves(text: str, detail: str) -> None:
    assert detail not in disclose(text).text


@pytest.mark.parametrize("text", WITHOUT_PERSONS)
def test_what_speaks_of_nobody_leaves_whole(text: str) -> None:
    assert disclose(text) == record_pb2.FreeText(text=text, masking=record_pb2.MASKING_NONE)
