"""What an item of the data desk says in Chinese about why a row cannot be used, by the stable code in `Item.fault`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FAULTS: Final[Mapping[str, str]] = {
    # Whose.
    "in_doubt": "无法确定属于哪个主体",
    "of_nobody": "没有有效代码，名称也不属于任何已登记主体",
    # Supply.
    "missing": "来源平台已没有这条数据",
    "held": "批次暂存，等待处理",
    "keys_differ": "同一主键有两条不同的数据",
    # What the row says as a whole.
    "contradicted": "状态、类别、金额、文号与正文相互矛盾",
    "amount_contradicted": "金额与正文或合计不一致",
    "amount_uncertain": "有罚款或没收，但金额不确切",
    "unknown_form": "表式未登记",
    "unknown_column": "有未登记的列",
    "missing_column": "缺少应有的列",
    "missing_value": "应填未填",
    "unknown_code": "代码表中没有该代码，或在当日不适用",
    "unknown_kind": "看不出是何种处罚",
    "authority_unknown": "无法确定作出决定的机关",
    "future_day": "日期在将来",
    "days_reversed": "移出日期早于列入日期",
    "not_as_text": "应为文本，实为浮点数",
    "constraint": "不符合契约规定",
    # One value.
    "another_form": "写法无法识读",
    "not_text": "应为文本",
    "control_character": "含有控制字符或残缺字符",
    "placeholder": "填的是“无”“不详”一类的字样",
    "masked": "部分内容已被遮盖",
    "damaged": "内容残缺",
    "no_year": "日期没有年份",
    "year_only": "只有年份",
    "month_only": "只有年月",
    "no_time": "应为时刻，只有日期",
    "range": "是一个区间",
    "several_days": "有多个日期",
    "open_start": "只有起始日期",
    "not_a_day": "日期或时刻不存在",
    "out_of_range": "年份不合理",
    "day_month_ambiguous": "分不清年、月、日",
    "weekday_contradicted": "日期与星期不符",
    "epoch_ambiguous": "分不清秒与毫秒",
    "approximate": "是约数",
    "unit_missing": "没有单位",
    "unit_contradicted": "单位与该列规定的不符",
    "unit_ambiguous": "单位有歧义",
    "foreign_currency": "不是人民币",
    "sub_fen": "不足一分",
    "negative": "是负数",
    "too_large": "数额过大",
    "digits_and_capitals_contradict": "大小写金额不一致",
    "several_amounts": "有多个金额",
    "formula_contradicted": "算式与结果不一致",
    "proportion": "只有比例或倍数，没有数额",
    "not_imposed": "只是拟处罚",
    "wrong_length": "长度不符",
    "wrong_character": "含有不允许的字符",
    "check_digit": "校验码不符",
    "several_numbers": "有多个文号",
}
"""A code that is not here, of a later release, is shown as it is told in English."""

FIELDS: Final[Mapping[str, str]] = {"subject": "主体", "key": "主键", "rows": "行数"}
"""What is no column of the row."""
