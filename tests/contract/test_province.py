"""The members' numbers and names."""

from __future__ import annotations

import pytest

from contract.province import Province
from huren.common.v1 import common_pb2


def test_is_the_enum_of_the_contract() -> None:
    wire = {value.name.removeprefix("PROVINCE_"): value.number for value in common_pb2.Province.DESCRIPTOR.values}

    assert wire == {"UNSPECIFIED": 0, **{province.name: int(province) for province in Province}}


@pytest.mark.parametrize("province", Province, ids=lambda province: province.slug)
def test_survives_wire_and_slug(province: Province) -> None:
    assert Province.from_wire(province.wire) is province
    assert Province.from_slug(province.slug) is province


@pytest.mark.parametrize(
    ("province", "names"),
    [
        pytest.param(Province.BEIJING, ("北京市", "北京", "Beijing", "beijing"), id="Beijing"),
        pytest.param(Province.TIANJIN, ("天津市", "天津", "Tianjin", "tianjin"), id="Tianjin"),
        pytest.param(Province.HEBEI, ("河北省", "河北", "Hebei", "hebei"), id="Hebei"),
        pytest.param(Province.SHANXI, ("山西省", "山西", "Shanxi", "shanxi"), id="Shanxi"),
    ],
)
def test_names(province: Province, names: tuple[str, str, str, str]) -> None:
    assert (province.name_zh, province.short_zh, province.name_en, province.slug) == names


@pytest.mark.parametrize("number", [0, 1, 10, 15, 37, -11])
def test_refuses_numbers_of_no_member(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        Province.from_wire(number)


@pytest.mark.parametrize("slug", ["", "Shanxi", "shaanxi", "14"])
def test_refuses_names_of_no_member(slug: str) -> None:
    with pytest.raises(ValueError, match="expected one of beijing, tianjin, hebei, shanxi"):
        Province.from_slug(slug)
