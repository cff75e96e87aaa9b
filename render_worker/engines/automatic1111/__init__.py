"""Servers of one's own that speak the web API of AUTOMATIC1111's Stable Diffusion web UI."""
