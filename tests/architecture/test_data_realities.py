"""Every reality of provincial data has a test that bears its id, in its name (`..._t48_...`) or in words (T48)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]

REALITIES: Final = {
    "T28": "a decision against an enterprise and a person",
    "T29": "acts that are no penalty",
    "T30": "copies of others' decisions, and central ones",
    "T31": "one decision under two numbers, or twice",
    "T35": "a row that holds a subject up starts a clock",
    "T40": "a correction of the amount, or of the day out of the window",
    "T41": "a decision that replaces another",
    "T42": "fine and confiscation that are not separable",
    "T43": "a dissolved enterprise",
    "T44": "a spun-off enterprise",
    "T45": "a former name",
    "T46": "an old registration number alone",
    "T47": "an organisation code alone",
    "T48": "a mistyped or masked code",
    "T49": "columns that mean something else in another form",
    "T50": "a branch under its parent's code",
    "T52": "a business that became a company",
    "T55": "a list under its older name",
    "T56": "an entry past its period and not removed",
    "T57": "a row that a snapshot lacks",
    "T58": "a file that shrank, or was cut off",
    "T59": "an end that never comes",
    "T60": "codes that were given another meaning",
    "T61": "a load that is not done in time",
}
"""Those of T28 to T61 that are a matter of data.

T32 to T34 and T36 to T39 are of reports, pages and cases; T51, T53 and T54 of the home.
"""

_ID: Final = re.compile(r"\bT([0-9]{2})[a-d]?\b|_t([0-9]{2})(?=[_\[(])")


def test_every_reality_has_a_test() -> None:
    texts = [path.read_text("utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    named = {f"T{one or other}" for text in texts for one, other in _ID.findall(text)}
    assert not REALITIES.keys() - named
