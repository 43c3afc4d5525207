"""What the tests of pages look at pages with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.pages import Poppler


@pytest.fixture
def poppler(tmp_path: Path) -> Poppler:
    if shutil.which("pdftoppm") is None:
        pytest.skip("poppler is not installed: make system-packages")
    return Poppler(tmp_path)
