"""The error of a LoRA that cannot be used."""


class LoraProblem(ValueError):
    """Raised if a file is no LoRA, or none for the model; its text says why, as a clause."""

    @property
    def sentence(self) -> str:
        """Return the text as a sentence."""
        text = str(self)
        return f"{text[:1].upper()}{text[1:]}."
