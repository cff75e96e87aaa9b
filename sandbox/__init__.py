"""Faithful stand-ins of the outside services, on loopback. Never part of a deployment."""
