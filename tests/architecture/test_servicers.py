"""Every method of every service is served.

The generated base of a service (protos/gen) raises NotImplementedError in each method, in place of one that nobody wrote. The
compiler plugin writes that, and the files are held to what it writes (`make protos-check`), so no reason can stand beside it there.
It is right as long as none of it can be reached, which is what this holds.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "protos" / "gen"
OURS = [path for folder in ("gateway", "adapters", "runtime") for path in (ROOT / folder).rglob("*servicer.py")]


def _module(path: Path, root: Path) -> ModuleType:
    return import_module(".".join(path.relative_to(root).with_suffix("").parts))


def _bases() -> list[type]:
    modules = [_module(path, GENERATED) for path in sorted(GENERATED.rglob("*_service_pb2_grpc.py"))]
    return [value for module in modules for name, value in vars(module).items() if name.endswith("Servicer")]


@pytest.mark.parametrize("base", _bases(), ids=lambda base: base.__name__)
def test_no_method_of_a_service_is_left_to_its_generated_base(base: type) -> None:
    found = [value for path in OURS for value in vars(_module(path, ROOT)).values() if isinstance(value, type)]
    servicers = {one for one in found if issubclass(one, base) and one is not base}
    methods = {name for name in vars(base) if name[0].isupper()}

    assert methods
    assert servicers, "nobody serves it"
    assert [(one.__name__, name) for one in servicers for name in methods if name not in vars(one)] == []
