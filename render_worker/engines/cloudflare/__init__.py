"""Cloudflare Workers AI: pictures by a free account's daily allowance."""
