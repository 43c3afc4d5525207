"""界面规范: the design system as a page that is made of it.

Tokens are read from the style sheet, so that the page cannot fall behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract.deadlines import Label
from contract.errors import ErrorCode, HurenError
from contract.reasons import Words
from contract.wording import CELL_LEGEND
from gateway.portal.listing import DEADLINE_LABELS
from gateway.portal.visit import Answer, Handler, View, Visit

_STYLE: Final = Path(__file__).parents[1] / "static" / "portal.css"
_TOKEN: Final = re.compile(r"(--[a-z0-9-]+):\s*([^;]+);")


@dataclass(frozen=True, slots=True)
class Token:
    """A value that has a name.

    Attributes:
        name: Its name, with its two dashes.
        light: Its value.
        dark: Its value on a dark ground. Empty: the same.
    """

    name: str
    light: str
    dark: str

    @property
    def is_colour(self) -> bool:
        """Whether it is a colour."""
        return self.light.startswith("#")

    @property
    def swatch(self) -> str:
        """The class of what shows it."""
        return f"swatch-{self.name.removeprefix('--')}"


_USES: Final[Mapping[str, Words]] = {
    "--paper": Words("页面底色", "ground of the page"),
    "--sheet": Words("卡片、表格底色", "ground of sheets and tables"),
    "--shade": Words("表头、页脚底色", "ground of heads and the foot"),
    "--line": Words("分隔线", "lines"),
    "--line-strong": Words("输入框和强调的线", "lines of fields"),
    "--ink": Words("正文", "text"),
    "--ink-soft": Words("说明文字", "hints"),
    "--deep": Words("主色：按钮、当前项", "buttons, and where one is"),
    "--deep-ink": Words("主色上的文字", "text on buttons"),
    "--link": Words("链接", "links"),
    "--focus": Words("键盘焦点", "focus of the keyboard"),
    "--mark": Words("须先看的内容", "what is to be read first"),
    "--serif": Words("标题字体", "type of headings"),
    "--sans": Words("正文字体", "type of text"),
    "--step-0": Words("正文字号", "size of text"),
    "--step-1": Words("导语、三级标题", "leads, third headings"),
    "--step-2": Words("二级标题", "second headings"),
    "--step-3": Words("一级标题", "first headings"),
    "--small": Words("说明文字字号", "size of hints"),
    "--gap": Words("间距", "gaps"),
    "--round": Words("圆角", "corners"),
}
"""What tokens are for. One that is not here is shown without."""


class DesignSection:
    """The page of the design system."""

    def __init__(self) -> None:
        self._tokens: Final = tuple(_tokens(_STYLE.read_text("utf-8")))

    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the names of their pages."""
        return {"design": self.design}

    async def design(self, visit: Visit) -> Answer:
        """Every token, every piece, in use."""
        error = HurenError(
            ErrorCode.USCC_MALFORMED,
            field="sample_code",
            problem_zh="应为18位，实为17位",
            problem_en="expected 18 characters",
        )
        values = {
            "tokens": self._tokens,
            "uses": _USES,
            "legend": CELL_LEGEND,
            "labels": DEADLINE_LABELS,
            "sources": Label,
            "sample_error": error,
            "today": visit.at.date(),
            "sort": visit.asked("sort"),
        }
        return View(template="public/design.html", values=values)


def _tokens(style: str) -> Iterator[Token]:
    dark = dict(_TOKEN.findall(_block(style, 'html[data-theme="dark"] {')))
    for name, value in _TOKEN.findall(_block(style, ":root {")):
        yield Token(name, value, dark.get(name, ""))


def _block(style: str, head: str) -> str:
    _, _, after = style.partition(head)
    return after.partition("}")[0]
