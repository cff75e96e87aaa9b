"""Pollinations' door without an account: a picture for a GET, with its logo."""
