"""What the guidelines say. One door: `judge`, over a library read once with `load_library`; or order by order, with
`verdict_on` and the `company_of` the orders."""

from criteria.library import Library, load_library
from criteria.settle import company_of, judge, verdict_on

__all__ = ["Library", "company_of", "judge", "load_library", "verdict_on"]
