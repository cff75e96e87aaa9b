"""Errors of this engine alone."""

from render_worker.errors import EngineError, InvalidParameter


class OutOfMemory(EngineError):
    """Raised if the device has no memory for the picture or the model; the sentence says what would fit."""

    code = "out_of_memory"
    status = 507
    unbilled = True
    hint = "Ask for a smaller picture or another model."


class ModelUnusable(EngineError):
    """Raised if a model's files are missing, broken, or not of a kind that can be loaded."""

    code = "model_unusable"
    unbilled = True
    hint = "The operator looks at the model's files, which the render worker's log names."


class LoraInvalid(InvalidParameter):
    """Raised if there is no LoRA of the name that `lora_path` gives, or if it does not fit the model."""

    forbids_fallback = True  # an engine that knows of no LoRAs would make another picture
