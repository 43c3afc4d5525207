"""Style and scripts, at addresses that change with their content, so that browsers may keep them for ever.

Ours stand in static/. Those of others come from their npm packages (`make gateway/portal/node_modules/.stamp`): htmx, and a reader
of QR codes. Where they are not installed, pages do without them: everything but the camera is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_STATIC: Final = _HERE / "static"
_PACKAGES: Final = _HERE / "node_modules"

FOREIGN: Final[Mapping[str, Path]] = {
    "htmx.js": _PACKAGES / "htmx.org" / "dist" / "htmx.min.js",
    "qr/decode.js": _PACKAGES / "qr" / "decode.js",
    "qr/index.js": _PACKAGES / "qr" / "index.js",
}
"""Scripts of others, by the name under which they are served."""

_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


class Asset:
    """One file.

    Attributes:
        name: Its name.
        content: Its bytes.
        media_type: What it is.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.content = path.read_bytes()
        self.media_type = _TYPES[path.suffix]


class Assets:
    """All files, read once."""

    def __init__(self) -> None:
        """Reads them."""
        self._assets = {asset.name: asset for asset in _all()}
        digest = hashlib.sha256()
        for name, asset in sorted(self._assets.items()):
            digest.update(name.encode() + b"\0" + asset.content)
        self._version = digest.hexdigest()[:16]

    def find(self, version: str, name: str) -> Asset | None:
        """A file. None: there is none of that name, or not in that version."""
        return self._assets.get(name) if version == self._version else None

    def has(self, name: str) -> bool:
        """Whether the file is installed."""
        return name in self._assets

    def url(self, name: str) -> str:
        """Where a file is served. Scripts find the scripts that they import beside themselves.

        Raises:
            KeyError: There is none.
        """
        return f"/assets/{self._version}/{self._assets[name].name}"


def _all() -> Iterator[Asset]:
    for path in sorted(_STATIC.iterdir()):
        if path.suffix in _TYPES:
            yield Asset(path.name, path)
    for name, path in FOREIGN.items():
        if path.is_file():
            yield Asset(name, path)
