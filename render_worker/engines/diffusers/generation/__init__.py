"""From requests to pictures, on the one thread that runs the models."""
