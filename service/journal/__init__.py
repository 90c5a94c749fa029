"""What is kept of every answer: enough to explain and count, nothing that names a patient."""

from service.journal.bounded import Away, one_answer
from service.journal.consultation import Consultation
from service.journal.explained import Kept, from_row
from service.journal.judged import Judged, judged, with_addresses
from service.journal.keep import Journal, NotKept

__all__ = [
    "Away",
    "Consultation",
    "Journal",
    "Judged",
    "Kept",
    "NotKept",
    "from_row",
    "judged",
    "one_answer",
    "with_addresses",
]
