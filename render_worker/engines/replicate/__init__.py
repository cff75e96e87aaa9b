"""Replicate, by its own client."""
