"""Imgur, without an account."""
