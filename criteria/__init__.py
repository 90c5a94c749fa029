"""What the guidelines say. One door: `judge`, over a library read once with `load_library`."""

from criteria.library import Library, load_library
from criteria.settle import judge

__all__ = ["Library", "judge", "load_library"]
