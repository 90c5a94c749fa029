"""The guidelines as pages that a clinician can read: what the cards' links lead to."""

from service.guidelines.pages import bp

__all__ = ["bp"]
