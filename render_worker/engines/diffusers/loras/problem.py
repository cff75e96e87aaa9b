"""The error of a LoRA that cannot be used."""


class LoraProblem(ValueError):
    """Raised if a file is no LoRA, or none for the model; its text says why, without a full stop."""
