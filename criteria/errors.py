"""What can be wrong with the data that a person edits.

CriteriaError
└── DataError      one file, one line, what is wrong and how to mend it
"""

from __future__ import annotations

from pathlib import Path


class CriteriaError(Exception):
    """Anything that stops the criteria from being used."""


class DataError(CriteriaError):
    """A slip in a rule file, a table or another reviewed file.

    ``file`` and ``line`` (1-based, None when unknown) say where; the message says what and how to mend it.
    """

    def __init__(self, file: Path | str, line: int | None, message: str) -> None:
        self.file, self.line, self.message = Path(file), line, message
        where = f"{self.file.name} line {line}" if line else self.file.name
        super().__init__(f"{where}: {message}")
