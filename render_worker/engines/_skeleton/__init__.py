"""What the service is, for readers of the code."""
