"""The images as compose.yaml confines them, run by crun: `make hardened`."""
