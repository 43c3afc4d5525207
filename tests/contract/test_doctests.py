"""The examples in the docstrings hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import contract


@pytest.mark.parametrize("name", [module.name for module in pkgutil.walk_packages(contract.__path__, "contract.")])
def test_examples_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
