"""The provinces that are members, as Python values.

The enum of the contract (`huren.common.v1.Province`) is the vocabulary on the wire; this one carries what the wire has no room
for: names, and the check that a number is a member. Both have the same numbers, which a test holds.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from huren.common.v1 import common_pb2


class Province(IntEnum):
    """A member of the federation (GB/T 2260, first two digits)."""

    BEIJING = 11
    TIANJIN = 12
    HEBEI = 13
    SHANXI = 14

    @property
    def wire(self) -> common_pb2.Province.ValueType:
        """The same province as a value of the contract's enum."""
        return common_pb2.Province.ValueType(self.value)

    @property
    def slug(self) -> str:
        """The name in folder names, options and metric labels, for example `beijing`."""
        return self.name.lower()

    @property
    def name_zh(self) -> str:
        """The full name, as printed, for example `北京市`."""
        return _NAMES_ZH[self]

    @property
    def short_zh(self) -> str:
        """The short name, for narrow tables, for example `北京`."""
        return _NAMES_ZH[self][:2]

    @property
    def name_en(self) -> str:
        """The name in English, for example `Beijing`."""
        return self.name.title()

    @classmethod
    def from_wire(cls, number: int) -> Province:
        """Reads a value of the contract's enum.

        Raises:
            ValueError: The number is not a member's.
        """
        return cls(number)

    @classmethod
    def from_slug(cls, slug: str) -> Province:
        """Reads a folder or option name.

        Raises:
            ValueError: The name is not a member's.
        """
        for province in cls:
            if province.slug == slug:
                return province
        raise ValueError(f"expected one of {', '.join(p.slug for p in cls)}, got {slug!r}")


_NAMES_ZH: Final = {
    Province.BEIJING: "北京市",
    Province.TIANJIN: "天津市",
    Province.HEBEI: "河北省",
    Province.SHANXI: "山西省",
}
