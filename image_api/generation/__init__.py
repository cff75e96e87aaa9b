"""The use case: make a picture for a client, once, and remember it."""
