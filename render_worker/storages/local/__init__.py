"""A folder of this machine, which the worker serves itself."""
