"""A package's attribute that has a submodule's name is that submodule, whatever else is imported there."""

import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest


@pytest.mark.parametrize("name", ["image_api", "render_worker"])
def test_no_name_of_a_package_hides_a_module_in_it(name):
    package = import_module(name)
    submodules = {each.name: sys.modules.get(f"{name}.{each.name}") for each in iter_modules(package.__path__)}
    assert [it for it, module in submodules.items() if module and getattr(package, it) is not module] == []
