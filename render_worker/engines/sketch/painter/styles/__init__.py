"""Styles, applied to the finished picture."""
