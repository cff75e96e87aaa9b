"""Requests about jobs: how one is submitted, shown and listed, and whose it is."""
