"""Chaos: jobs by the hundred, and what runs them killed at a random moment."""
