"""Letters in TOML files: a template, and errors that name the line and the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import BlanketLoa, DirectLoa, ResellerLoa
from sinch_hosting.cli import app
from sinch_hosting.cli.errors import BadInput
from sinch_hosting.cli.letter import read_letter

from .conftest import LETTER


def written(tmp_path: Path, text: str) -> Path:
    """Write a letter's file."""
    path = tmp_path / "letter.toml"
    path.write_text(text)
    return path


def test_a_direct_letter_is_read(tmp_path: Path) -> None:
    """All of it arrives where it belongs."""
    letter = read_letter(written(tmp_path, LETTER))

    assert isinstance(letter, DirectLoa)
    assert letter.authorised_person.email == "jane@example.com"
    assert letter.address.postal_code == "62701"


def test_the_other_kinds_are_read(tmp_path: Path) -> None:
    """A reseller names the business, a blanket letter nothing at all."""
    reseller = LETTER.replace('"direct"', '"reseller"\nbusiness_name = "Acme"')

    assert isinstance(read_letter(written(tmp_path, reseller)), ResellerLoa)
    assert isinstance(read_letter(written(tmp_path, 'kind = "blanket"')), BlanketLoa)


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ('kind = "direct"', 'kind = "oral"', 1, "kind: must be one of direct"),
        ('email = "jane@example.com"', 'email = "jane"', 7, "authorised_person.email:"),
        ('email = "jane@example.com"', 'email = ""', 7, "authorised_person.email: is empty"),
        ('email = "jane@example.com"\n', "", 4, "authorised_person.email: is missing"),
        ('city = "Springfield"', "city = 5", 12, 'address.city: must be a text: city = "5"'),
        ('city = "Springfield"', 'town = "X"', 12, "address.town: no such key; there are bui"),
        ("[address]", "[adress]", 9, "adress: a direct letter has no such key"),
        ('current_voice_carrier = "Example Telecom"', "", 1, "current_voice_carrier: is missing"),
    ],
)
def test_errors_name_the_line_and_the_key(
    old: str, new: str, line: int, key: str, tmp_path: Path
) -> None:
    """Each thing that can be wrong is found in its line."""
    with pytest.raises(BadInput) as caught:
        read_letter(written(tmp_path, LETTER.replace(old, new)))

    assert f"letter.toml: line {line}: {key}" in str(caught.value)


def test_all_that_is_missing_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever fills a letter in reads what is left in one line, each with its place."""
    text = LETTER.replace('"Example Telecom"', '""').replace('"Jane"', '" "')
    path = written(tmp_path, text.replace('city = "Springfield"\n', ""))

    assert app.run(["letter", "check", str(path)]) == 2

    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith(
        "letter.toml: line 2: current_voice_carrier: is empty; fill it in. Fill in as well: "
        "line 5: authorised_person.first_name, line 9: address.city"
    )


def test_what_is_no_toml_or_no_file_is_one_sentence(tmp_path: Path) -> None:
    """The parser's own line, and how a letter is begun."""
    with pytest.raises(BadInput, match=r"is not valid TOML: .*line 1"):
        read_letter(written(tmp_path, "kind = direct"))
    with pytest.raises(BadInput, match="there is no such file; `sinch-hosting letter template"):
        read_letter(tmp_path / "nope.toml")
    (tmp_path / "latin.toml").write_bytes(b'kind = "\xe9"')
    with pytest.raises(BadInput, match="it is not UTF-8"):
        read_letter(tmp_path / "latin.toml")


def test_the_template_is_filled_in_and_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it is, it says what is to be filled in; filled in, it is well."""
    assert app.run(["letter", "template"]) == 0
    template = capsys.readouterr().out
    path = written(tmp_path, template)
    assert app.run(["letter", "check", str(path)]) == 2
    assert "current_voice_carrier: is empty; fill it in" in capsys.readouterr().err

    path.write_text(template.replace('email = ""', 'email = "a@example.com"').replace('""', '"x"'))

    assert app.run(["letter", "check", str(path)]) == 0
    assert "x x <a@example.com> has to sign" in capsys.readouterr().err


def test_the_mail_domain_is_looked_up_only_online(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `--online` nothing is asked; with it a domain that takes no mail is refused."""
    email_validator = pytest.importorskip("email_validator")
    asked = []
    real = email_validator.validate_email

    def look_up(address: str, *, check_deliverability: bool, **settings: Any) -> object:
        asked.append((address, check_deliverability))
        if check_deliverability:
            raise email_validator.EmailUndeliverableError("The domain does not accept email.")
        return real(address, check_deliverability=False, **settings)

    monkeypatch.setattr(email_validator, "validate_email", look_up)
    path = written(tmp_path, LETTER)
    assert app.run(["letter", "check", str(path)]) == 0
    assert [one for one in asked if one[1]] == []

    assert app.run(["letter", "check", str(path), "--online"]) == 2

    assert "authorised_person.email: The domain does not accept email." in capsys.readouterr().err
