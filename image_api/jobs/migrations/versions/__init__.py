"""The revisions, each a step from the one that it names."""
