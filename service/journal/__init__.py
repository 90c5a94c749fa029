"""What is kept of every answer: enough to explain and count, nothing that names a patient."""

from service.journal.keep import Consultation, Journal

__all__ = ["Consultation", "Journal"]
