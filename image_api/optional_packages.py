"""Packages that only some settings need: the smaller target of the image has none of them."""

from importlib.util import find_spec


def require_package(name: str) -> None:
    """Raise ValueError, with what to do, if a package is not installed. Nothing is imported."""
    if find_spec(name) is None:
        raise ValueError(
            f"it needs the package {name}, which is not installed: build the image with --target full, or install"
            " requirements.txt"
        )
