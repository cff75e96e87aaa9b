"""The use case: generate a picture for a client once, and cache the result."""
