"""How one answer came about, as a page and as JSON, and what it would be with other facts."""

from service.explain.pages import bp

__all__ = ["bp"]
