"""Chromium under Playwright: its processes, memory, files and sandbox."""
