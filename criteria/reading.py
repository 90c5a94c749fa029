"""Read reviewed YAML: libyaml's speed, with the line of every key, and duplicate keys refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from criteria.errors import DataError

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # libyaml is missing: slower, same result
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


Made = TypeVar("Made")


def once(read: Callable[[Path], Made]) -> Callable[[Path], Made]:
    """Read a file once: what is made of it must not be changed. A file that was written since is read again."""

    @functools.lru_cache(maxsize=8)
    def kept(path: Path, _written: tuple[int, int]) -> Made:
        return read(path)

    @functools.wraps(read)
    def wrapper(path: Path) -> Made:
        try:
            state = path.stat()
        except OSError:
            return read(path)  # which says what is wrong
        return kept(path.resolve(), (state.st_mtime_ns, state.st_size))

    return wrapper


class Lines(dict[Any, Any]):
    """A mapping that remembers the line (1-based) of each of its keys."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Any, int] = {}

    def line(self, key: Any) -> int | None:
        return self.lines.get(key)


class _LineLoader(_Loader):
    file: Path


def _mapping(loader: _LineLoader, node: yaml.MappingNode) -> Lines:
    out = Lines()
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        line = key_node.start_mark.line + 1
        if key in out:
            raise DataError(loader.file, line, f"`{key}` stands twice; keep one (first in line {out.lines[key]}).")
        out[key] = loader.construct_object(value_node, deep=True)
        out.lines[key] = line
    return out


_LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path) -> Any:
    """The content of one YAML file; mappings come as `Lines`.

    Raises `DataError` for text that is not YAML, for a duplicate key, and for a file that is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(path, None, "the file is not there.") from None
    loader = _LineLoader(text)
    loader.file = path
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise DataError(path, mark.line + 1 if mark else None, f"not readable as YAML: {error}") from None
    finally:
        loader.dispose()
