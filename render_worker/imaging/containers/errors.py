"""The one error of reading a file's structure."""


class UnusualFile(ValueError):
    """Raised if a file's structure is not what its specification says, or more than one picture."""
