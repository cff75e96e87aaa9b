"""The language of prompts: words of eleven languages, parsed into a Scene."""
