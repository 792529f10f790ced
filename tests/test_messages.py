"""Error messages have one form: what, what is wrong, what to do."""

import ast

import pytest

from tests.running import ROOT

CLASSES = {"SerBatchError", "UsageError", "BadParameter", "ClickException", "fail"}


def text(node):
    """The text of a string in the source, with `{}` for each value; None for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def messages():
    for path in sorted((ROOT / "ser_batch").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                message = text(node.args[0])
                if ast.unparse(node.func).split(".")[-1] in CLASSES and message:
                    yield pytest.param(message, id=f"{path.stem}:{node.lineno}")


@pytest.mark.parametrize("message", list(messages()))
def test_a_message_has_the_form(message):
    assert ": " in message, "WHAT: what is wrong: what to do"
    assert message.count("; ") <= 1
