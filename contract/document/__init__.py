"""The document of a report: every word that is printed on its pages, as plain JSON values.

    assembly    puts the parts together
    reading     a checked report, arranged for printing
    words       words for the values of the contract's enums
    front       page one: whose, for when, the conclusion, what is not covered
    scope       第一部分 报告说明
    overview    第二部分 概览: two tables and their legend
    details     第三部分 明细: the records
    sources     第四部分 数据来源与归集时间
    guidance    第五部分 核验方法、第六部分 异议与修复、附 名词解释

The JSON form and the PDF are both made from it, so they cannot say different things. It is made from the statement alone: what a
statement does not hold (the codes for verification, addresses of pages) is not in it.
"""

from contract.document.assembly import document as document
from contract.document.lines import Json as Json

__all__ = ["Json", "document"]
