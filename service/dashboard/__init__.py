"""GET /dashboard: what the journal shows of a period, for whoever runs the service."""

from service.dashboard.pages import bp

__all__ = ["bp"]
