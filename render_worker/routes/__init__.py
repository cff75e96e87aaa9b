"""Views of the render worker beside those of a generation, a blueprint each."""
