"""File names in tables: encoding of any bytes as UTF-8, and protection against formulas in spreadsheets."""

import os
import re

# a spreadsheet runs a cell that begins with one of these as a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ESCAPED = re.compile(rb"\\udc(5c|[89a-f][0-9a-f])")
LOOKS_ESCAPED = re.compile(r"\\(?=udc(?:5c|[89a-f][0-9a-f]))")


def in_utf8(name: str) -> str:
    r"""A name from the file system as valid UTF-8: each invalid byte XX is written `\udcXX`.

    A backslash in front of text that already looks like this is written `\udc5c`. So the name can be restored:
    replace every `\udcXX` by the byte XX.
    """
    return LOOKS_ESCAPED.sub(r"\\udc5c", name).encode(errors="backslashreplace").decode()


def from_utf8(name: str) -> str:
    r"""The name in the file system that `in_utf8` has written: each `\udcXX` is the byte XX."""
    return os.fsdecode(ESCAPED.sub(lambda escaped: bytes.fromhex(escaped[1].decode()), name.encode()))


def harmless_path(path: str) -> str:
    """A path that no spreadsheet runs: with a leading `./` it names the same file."""
    return f"./{path}" if path.startswith(FORMULA) else path


def harmless_text(text: str) -> str:
    """Text that no spreadsheet runs: a leading apostrophe marks it as text."""
    return f"'{text}" if text.startswith(FORMULA) else text
