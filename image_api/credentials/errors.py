"""The errors of changes of API keys, for the operator at the command line."""

from image_api.errors import ApiError


class KeyExists(ApiError):
    """Raised if a new API key has the name of another one."""


class NoSuchKey(ApiError):
    """Raised if no API key has a name."""


class KeyIsOver(ApiError):
    """Raised if an API key is to be changed that was revoked, or has expired."""
