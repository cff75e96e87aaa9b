"""Hardening that both tiers' servers share: against what clients send, and for their own secrets.

It lies in the render worker's folder, because the worker deploys alone from there, and is part of what the API tier
may import, because a fix must reach both.
"""
