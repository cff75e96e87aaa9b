"""Webhooks: what a job came to, signed (Standard Webhooks) and sent to the receiver that its client named."""
