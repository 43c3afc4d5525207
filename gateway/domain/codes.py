"""The form of the codes by which a report is verified: the same for who makes them and who reads them."""

from __future__ import annotations

from typing import Final

TYPED_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits and letters without I, L, O and U, which people confuse with others (Crockford's base 32)."""

TYPED_LENGTH: Final = 16
"""Characters of a typed 核验码: 80 bits, good where only a few tries are allowed."""
