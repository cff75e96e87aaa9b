"""What both tiers' servers do alike with what strangers send, and with their own secrets.

It lies in the render worker's folder, because the worker deploys alone from there, and belongs to what the API tier
may import, because a mend of it must reach both.
"""
