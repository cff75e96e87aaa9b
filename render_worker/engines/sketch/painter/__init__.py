"""The procedural painter: paints what the words of a prompt name, with Pillow. No model, no network.

`paint` is all that it offers. It imports the standard library and Pillow alone, by relative imports, so that the folder
can be published by itself. Its rooms import downwards: composition, subjects, scenery, language beside styles, canvas.
"""

from .composition.picture import paint

__all__ = ["paint"]
