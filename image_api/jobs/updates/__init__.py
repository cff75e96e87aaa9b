"""Watches of jobs, which tell each change."""
