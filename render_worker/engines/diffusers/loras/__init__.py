"""LoRAs: which there are, whether one fits a model, and which are added to it."""
