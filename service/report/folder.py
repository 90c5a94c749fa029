"""Read a folder of generated orders: requests.ndjson, truth.ndjson beside it line for line, about.json."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from criteria.errors import DataError

MAKE = "make one with: python fixtures/orders/generate.py --orders 2000 --seed 7 --out DIR"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right for one order, as the scenario's author wrote it."""

    order: str
    scenario: str
    rows: tuple[str, ...]
    ratings: tuple[str, ...]
    asks_at_most: int
    suggests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that was looked at; its requests are read one by one."""

    path: Path
    today: dt.date
    orders: int

    def requests(self) -> Iterator[tuple[Json, list[Truth]]]:
        """Raises `DataError` naming file and line."""
        requests, truths = self.path / "requests.ndjson", self.path / "truth.ndjson"
        with requests.open("rb") as bodies, truths.open("rb") as told:
            try:
                for number, (body, truth) in enumerate(zip(bodies, told, strict=True), 1):
                    yield _json(body, requests, number), _truths(_json(truth, truths, number), truths, number)
            except ValueError:
                raise DataError(truths, None, f"not as many lines as requests.ndjson; {MAKE}.") from None


def open_folder(path: Path) -> Folder:
    """Raises `DataError` saying what is wrong with the folder and how to make one."""
    for name in ("about.json", "requests.ndjson", "truth.ndjson"):
        if not (path / name).is_file():
            raise DataError(path / name, None, f"the file is not there; {MAKE}.")
    about = _json((path / "about.json").read_bytes(), path / "about.json", 1)
    try:
        return Folder(path, dt.date.fromisoformat(about["date"]), int(about["orders"]))
    except (KeyError, TypeError, ValueError):
        raise DataError(path / "about.json", 1, f"`date` and `orders` are needed; {MAKE}.") from None


def _truths(told: Json, file: Path, line: int) -> list[Truth]:
    try:
        return [
            Truth(
                order["order"],
                told["scenario"],
                tuple(told["rows"]),
                tuple(order["ratings"]),
                order["asks_at_most"],
                tuple(order["suggests"]),
            )
            for order in told["orders"]
        ]
    except (KeyError, TypeError):
        raise DataError(file, line, f"`scenario`, `rows` or `orders` is missing; {MAKE}.") from None


def _json(text: bytes, file: Path, line: int) -> Json:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise DataError(file, line, "this is not JSON.") from None
    if not isinstance(read, dict):
        raise DataError(file, line, "this is not a JSON object.")
    return read
