"""The fonts of the pages, and which characters they have.

- Noto Serif SC for text, Noto Sans SC for headings: from the package `pylopdf-fonts-zh-cn`, installed with the program. Nothing
  else is used, neither the system's fonts nor those that come with Typst: the same report has the same bytes on every machine.
- Both have all of the unified ideographs (U+4E00 to U+9FFF) and of extension A, and few of the later extensions.
- A character that is not in both of them is printed as its code, 〔U+20BB7〕: visible, and never a blank or a box. So are those
  that one does not see: control and format characters (also those that reverse the order of writing), variation selectors,
  private use.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pylopdf_fonts_zh_cn
from fontTools.pens.svgPathPen import SVGPathPen  # type: ignore[import-untyped]
from fontTools.pens.transformPen import TransformPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from typst import Fonts

FONT_FILES: Final = (pylopdf_fonts_zh_cn.serif_path(), pylopdf_fonts_zh_cn.sans_path())

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""General categories of characters that leave no mark of their own (Unicode 15, chapter 4, table 4-4)."""

_LONG_RUN: Final = re.compile(r"[^ \n\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]{20,}")
"""Characters without a place to break a line among them."""

_BREAK: Final = "\u200b"
_BREAK_EVERY: Final = 10


@cache
def typst_fonts() -> Fonts:
    """The fonts, as the typesetter takes them."""
    return Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=sorted({path.parent for path in FONT_FILES}),
    )


@cache
def characters() -> frozenset[str]:
    """The characters that every font has, less those that cannot be seen."""
    sets = [_characters_of(path) for path in FONT_FILES]
    return frozenset(
        character for character in sets[0].intersection(*sets[1:]) if unicodedata.category(character) not in _UNSEEN
    )


def _characters_of(path: Path) -> frozenset[str]:
    with TTFont(path, lazy=True) as font:
        return frozenset(map(chr, font.getBestCmap()))


class Printable:
    """Makes texts printable, and remembers which characters it had to write as their code."""

    def __init__(self) -> None:
        self._has = characters() | {"\n"}
        self._missing: dict[str, None] = {}
        self._done: dict[str, str] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """Codes of the characters that are not printed, each once, in the order of the document: `U+20BB7`."""
        return tuple(map(code_point, self._missing))

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it, but no name of a field, made printable."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def text(self, text: str) -> str:
        """A text with codes for what is missing, and with U+200B where it has no place to break a line."""
        done = self._done.get(text)
        if done is None:
            seen = text if self._has.issuperset(text) else "".join(self._replaced(text))
            done = self._done[text] = _LONG_RUN.sub(_with_breaks, seen)
        return done

    def _replaced(self, text: str) -> Iterable[str]:
        for character in text:
            if character in self._has:
                yield character
            else:
                self._missing[character] = None
                yield f"〔{code_point(character)}〕"


@cache
def outlined(text: str) -> str:
    """A text as the outlines of its characters, to be drawn behind a page: SVG. Empty for an empty text."""
    if not text:
        return ""
    with TTFont(pylopdf_fonts_zh_cn.sans_path(), lazy=True) as font:
        glyphs, names, em = font.getGlyphSet(), font.getBestCmap(), font["head"].unitsPerEm
        pen = SVGPathPen(glyphs)
        x = 0
        for character in text:
            glyph = glyphs[names[ord(character)]]
            glyph.draw(TransformPen(pen, (1, 0, 0, -1, x, em)))
            x += glyph.width
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {x} {em * 5 // 4}">'
        f'<path d="{pen.getCommands()}" fill="none" stroke="#949494" stroke-width="{em // 80}"/></svg>'
    )


def code_point(character: str) -> str:
    """The code of a character.

    >>> code_point("𠮷")
    'U+20BB7'
    """
    return f"U+{ord(character):04X}"


def _with_breaks(run: re.Match[str]) -> str:
    text = run.group()
    return _BREAK.join(text[start : start + _BREAK_EVERY] for start in range(0, len(text), _BREAK_EVERY))
