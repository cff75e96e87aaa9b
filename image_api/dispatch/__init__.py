"""How a generation reaches a render worker."""
