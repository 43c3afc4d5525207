"""Traditional and simplified characters, and the pinyin that some copies print behind characters.

- Characters are made simplified one by one, each by the first form that OpenCC's `TSCharacters` gives for it, without regard to
  its neighbours: so a text keeps its length, and what begins another text still begins it afterwards.
- A gloss is pinyin in round brackets directly behind a Han character, with at least one tone mark: `環(huán)`. Brackets around
  anything else, and syllables without a tone mark, stay.
"""

from __future__ import annotations

import re
from typing import Final

import opencc

_BLOCKS: Final = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_TONED: Final = "āáǎàēéěèếềểễīíǐìōóǒòūúǔùǖǘǚǜńňǹḿ\u0300\u0301\u0304\u030c"
_GLOSS: Final = re.compile(
    rf"(?<=[㐀-䶿一-鿿豈-﫿])[(（](?=[a-zü\u0308]{{0,7}}[{_TONED}])[a-zü\u0308{_TONED}]{{1,8}}[)）]"
)


def simplified(text: str) -> str:
    """The text in simplified characters, of the same length.

    >>> simplified("行政處罰決定書第1號")
    '行政处罚决定书第1号'
    """
    return text if _TRADITIONAL.search(text) is None else text.translate(_SIMPLIFIED)


def without_glosses(text: str) -> str:
    """The text without pinyin behind its characters.

    >>> without_glosses("七十萬(wàn)元")
    '七十萬元'
    """
    return _GLOSS.sub("", text) if "(" in text or "（" in text else text


def spans_of_glosses(text: str) -> tuple[tuple[int, int], ...]:
    """Where glosses stand in a text: (start, end) of each."""
    return tuple(found.span() for found in _GLOSS.finditer(text))


def _table() -> dict[int, str]:
    characters = [chr(code) for first, last in _BLOCKS for code in range(first, last + 1)]
    # One call for all, each alone on its line: OpenCC would otherwise look for words across characters.
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {
        ord(one): other for one, other in zip(characters, converted, strict=True) if one != other and len(other) == 1
    }


_SIMPLIFIED: Final = _table()
"""Made once, when the module is imported: the first row that is read waits for nothing."""

_BEYOND: Final = 0x10000
_TRADITIONAL: Final = re.compile(
    f"[{''.join(chr(code) for code in _SIMPLIFIED if code < _BEYOND)}\U00010000-\U0010ffff]"
)
"""What may need to be made simplified. Looking for one is faster by far than going through all, and most texts have none; beyond
U+FFFF everything counts, because sets of single characters there are slow."""
