"""Stable Diffusion and its kin on this machine's GPU or CPU, by the library diffusers."""
