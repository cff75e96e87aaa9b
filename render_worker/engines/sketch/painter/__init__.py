"""The procedural painter."""

from .composition.picture import paint

__all__ = ["paint"]
