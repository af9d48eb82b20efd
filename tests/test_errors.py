"""Every error has a place in the tree, a code of its own, and a way out at the door."""

import re

import pytest

import errors
from cli import EXITS, Exit
from errors import ConversionFailed, InputRefused, ReadingFailed, RereadError, error_of_code, subclasses

ALL = subclasses()


def drawn() -> dict[str, tuple[str | None, str]]:
    """Of each class in the docstring's drawing, the code beside it and its parent."""
    tree: dict[str, tuple[str | None, str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)([A-Z]\w+) *([a-z_]*)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            tree[found[2]] = (found[3] or None, path[depth - 1] if depth else "")
    return tree


def test_every_error_stands_in_the_drawing_below_its_parent():
    assert {cls.__name__: parent for cls in ALL for parent in [cls.__mro__[1].__name__]} == {
        name: parent for name, (_, parent) in drawn().items() if name != "RereadError"
    }


@pytest.mark.parametrize("cls", [cls for cls in ALL if not cls.__subclasses__()])
def test_the_drawing_gives_each_last_class_its_code(cls):
    assert drawn()[cls.__name__][0] == cls.code


def test_no_two_errors_share_a_code():
    codes = [RereadError.code, *(cls.code for cls in ALL)]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls.__mro__[1] in (InputRefused, ConversionFailed)])
def test_whoever_adds_a_file_that_fails_is_told_what_to_do(cls):
    assert len(cls.advice) > 20


@pytest.mark.parametrize("cls", [RereadError, *ALL])
def test_an_error_comes_back_from_its_stored_code(cls):
    assert type(error_of_code(cls.code, "why")) is cls
    assert str(error_of_code(cls.code, "why")) == "why"


def test_a_code_that_nobody_knows_is_the_root_error():
    assert type(error_of_code("of a later version", "why")) is RereadError


@pytest.mark.parametrize("cls", [cls for cls in ALL if not issubclass(cls, ConversionFailed | ReadingFailed)])
def test_every_error_that_ends_a_command_has_an_exit_code_of_its_kind(cls):
    assert any(issubclass(cls, kind) for kind, _ in EXITS)


def test_exit_codes_mean_what_the_drawing_says():
    found = {kind.__name__: code for kind, code in EXITS}

    assert found["InputRefused"] is Exit.REFUSED == 4
    assert found["NotFound"] is Exit.USAGE == 2
    assert found["Unreachable"] is Exit.UNREACHABLE == 3
    assert found["PromptInvalid"] is found["SettingsInvalid"] is found["LibraryError"] is Exit.CONFIG == 5


def test_only_what_the_bytes_decide_is_final():
    final = {cls.code for cls in ALL if cls.is_final}

    assert final == {"unsupported_format", "empty", "encrypted", "damaged", "no_text_layer"}
