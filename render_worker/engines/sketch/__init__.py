"""The sketch engine: the procedural painter as an engine."""
