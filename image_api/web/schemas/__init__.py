"""Requests and responses of the families of routes as models, and their conversion from and to the common ones."""
