"""Perchance, asked through its own site in a browser."""
