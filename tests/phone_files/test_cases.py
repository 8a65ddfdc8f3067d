"""Files as people really keep them: each is read as its case says, or better refused."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sinch_hosting.phone_files import PhoneFileError, PhoneSheet, read_phone_file

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDERS = ("phone-files", "phone-files-more")
# Refused though it could be guessed: whose mobile it is, nobody knows.
TOLERATED = {"r-first-row-words.txt"}


def load_judge() -> ModuleType:
    """The program that compares what was read with what is right."""
    spec = importlib.util.spec_from_file_location("judge", DATA / "check_phone_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


JUDGE = load_judge()


def cases() -> list[Any]:
    """Every case of every folder, named as its file is."""
    return [
        pytest.param(folder, case, id=case["id"])
        for folder in FOLDERS
        for case in json.loads((DATA / folder / "expected.json").read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("folder", "case"), cases())
def test_each_file_is_read_as_its_case_says(folder: str, case: dict[str, Any]) -> None:
    """The numbers of the rows, or the words that a refusal has to hold."""
    got: PhoneSheet | PhoneFileError
    try:
        got = read_phone_file(DATA / folder / "files" / case["id"], **case["args"])
    except PhoneFileError as error:
        got = error

    judged = [JUDGE.judge(expected, got) for expected in case["expect"]]

    assert "\n" not in str(got) or isinstance(got, PhoneSheet)
    assert len(str(got)) < 1_000 or isinstance(got, PhoneSheet)
    rank, problems = min(judged, key=lambda each: each[0])
    assert rank <= (1 if case["id"] in TOLERATED else 0), problems


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_judge_finds_nothing_wrong(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The program itself, as somebody would run it, says so."""
    wrong = JUDGE.main(DATA / folder)

    assert wrong == 0
    assert ", 0 wrong" in capsys.readouterr().out


def test_every_file_has_a_case() -> None:
    """No file lies there untested, and no case is without its file."""
    for folder in FOLDERS:
        expected = json.loads((DATA / folder / "expected.json").read_text(encoding="utf-8"))
        files = {path.name for path in (DATA / folder / "files").iterdir()}
        assert files == {case["id"] for case in expected}
