"""What a report's files are called, and what stands in them: the same for whoever writes and whoever reads them.

<number>.report    the statement alone: an Envelope with a Report
<number>.json      readable JSON with the statement in it (contract/report_json.py)
<number>.pdf       pages for people; the statement is an embedded file, the whole file is sealed by the home
"""

from __future__ import annotations

from typing import Final

STATEMENT_SUFFIX: Final = ".report"
STATEMENT_MEDIA_TYPE: Final = "application/vnd.huren.report"

EMBEDDED_STATEMENT: Final = "statement.report"
"""Name of the embedded file of a PDF that holds the statement (ISO 32000-2, 7.11.4). There is exactly one embedded file."""

SEAL_FIELD: Final = "HurenSeal"
"""Name of the signature field of a PDF (ISO 32000-2, 12.7.5.5)."""
