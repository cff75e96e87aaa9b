"""Clients of OpenAI's API as they are published, unmodified, against both tiers over real HTTP."""
