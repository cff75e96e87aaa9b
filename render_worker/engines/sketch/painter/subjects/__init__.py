"""Every subject that can be painted, and the registry of their sizes and homes."""
