"""Hugging Face's inference providers and endpoints."""
