"""Names of subjects, authorities and units: for comparing only. None of these forms is ever printed."""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations
from typing import Final

from adapters.sdk.notation.folding import PLACEHOLDERS, fold_brackets, fold_width
from adapters.sdk.notation.han import simplified, without_glosses

_PLACE_WORD: Final = re.compile(r"省|市(?![场政民区委局值集容])|县(?!域|级)")
_PLACE_NAMES: Final = range(2, 12)
"""Where the word behind the name of a place can stand at the beginning of a name: 天津市, 河北省石家庄市."""
_MASK: Final = re.compile(r"[*＊×•●○□]|某|[Xx]{2}|_{2}|\?{2}")


def fold_name(text: str) -> str:
    """Makes spellings of one name equal: width, brackets, blanks, capitals, traditional characters and glosses.

    >>> fold_name("天津示例責(zé)任公司") == fold_name("天津示例责任公司")
    True
    """
    folded = simplified(fold_brackets(without_glosses(unicodedata.normalize("NFKC", text))))
    return "".join(folded.upper().split())


def name_spellings(name: str) -> frozenset[str]:
    """Folded spellings that may mean the same as a name: with and without 省, 市 and 县 behind the place at its beginning.

    Two names may be one where they have a spelling in common. For doubt only: it makes nothing anybody's.

    >>> sorted(name_spellings("天津市示例有限公司"))
    ['天津市示例有限公司', '天津示例有限公司']
    """
    folded = fold_name(name)
    words = [found.start() for found in _PLACE_WORD.finditer(folded) if found.start() in _PLACE_NAMES][:2]
    left_out = [set(some) for count in range(len(words) + 1) for some in combinations(words, count)]
    return frozenset("".join(one for at, one in enumerate(folded) if at not in some) for some in left_out)


def is_masked_name(name: str) -> bool:
    """Whether a name is hidden, in part or whole, or a word for nothing: 北京某商贸有限公司, 辛集市***商贸有限公司, 无."""
    plain = simplified(fold_width(name)).strip()
    return plain in PLACEHOLDERS or _MASK.search(plain) is not None
