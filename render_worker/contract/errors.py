"""The error of this package."""


class InvalidField(ValueError):
    """Raised if a client's field is invalid; the message is one sentence that names it and says what it accepts."""
