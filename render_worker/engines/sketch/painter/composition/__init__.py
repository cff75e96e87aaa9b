"""A whole picture: scenery, the subjects laid out in it, and styles."""
