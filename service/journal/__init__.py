"""What is kept of every answer: enough to explain and count, nothing that names a patient."""

from service.journal.explained import Kept, from_row
from service.journal.judged import Judged, judged, with_addresses
from service.journal.keep import Consultation, Journal

__all__ = ["Consultation", "Journal", "Judged", "Kept", "from_row", "judged", "with_addresses"]
