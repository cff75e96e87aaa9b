"""Pollinations."""
