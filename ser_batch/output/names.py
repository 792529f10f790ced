"""Names in tables: a file name is any sequence of bytes, and may have been chosen to do harm."""

import re

# spreadsheets take cells that begin with these for formulas, and run them
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
LOOKS_ESCAPED = re.compile(r"\\(?=udc(?:5c|[89a-f][0-9a-f]))")


def in_utf8(name: str) -> str:
    r"""Spell a name, as the file system decodes it, in UTF-8: each byte that is not is written `\udcXX`.

    Whatever looks like that by itself has its backslash written `\udc5c`, so that there is a way back: replace
    every `\udcXX` by the byte XX.
    """
    return LOOKS_ESCAPED.sub(r"\\udc5c", name).encode(errors="backslashreplace").decode()


def harmless_path(path: str) -> str:
    """Spell a path so that no spreadsheet runs it: with a leading `./` it is the same path."""
    return f"./{path}" if path.startswith(FORMULA) else path


def harmless_text(text: str) -> str:
    """Mark text as text, with a leading apostrophe, where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
