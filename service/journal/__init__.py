"""What is kept of every answer: enough to explain and count, nothing that names a patient."""

from service.journal.explained import Judged, Kept, from_row
from service.journal.keep import Consultation, Journal, consults_with_a_card

__all__ = ["Consultation", "Journal", "Judged", "Kept", "consults_with_a_card", "from_row"]
