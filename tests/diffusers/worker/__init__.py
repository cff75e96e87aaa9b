"""The engine `diffusers` in a real render worker, over HTTP."""
