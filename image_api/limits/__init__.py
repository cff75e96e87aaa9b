"""Limits of what one client may have made: how many pictures in a time, and what they may cost in a day."""
