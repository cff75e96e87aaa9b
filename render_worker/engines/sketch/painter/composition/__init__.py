"""A whole picture: scenery, subjects laid out in it, and styles."""
