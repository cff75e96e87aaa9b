"""What a page is looked at with: options of a browser's context."""

from typing import Any

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LIGHT: dict[str, Any] = {"color_scheme": "light"}
DARK: dict[str, Any] = {"color_scheme": "dark"}
LOOKS = {
    "desktop-light": DESKTOP | LIGHT,
    "desktop-dark": DESKTOP | DARK,
    "phone-light": PHONE | LIGHT,
    "phone-dark": PHONE | DARK,
}

FORBIDDEN_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name,
  { get() { throw new DOMException("forbidden", "SecurityError"); } })"""
"""A script for a context whose browser lets no page keep anything."""
