"""Models, LoRAs and the parameters of the engine that keeps them, before real render workers."""
