"""Drawing primitives: colours, outlines, antialiased shapes and sprites. Knows nothing of prompts."""
