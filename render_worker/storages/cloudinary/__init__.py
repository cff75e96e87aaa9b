"""Cloudinary, with an account."""
