"""The lines for a shell that `sinch-hosting start` writes: commands, and curl."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from .._session.codec import encode
from .._session.operations import OPERATIONS, by_number
from .._session.requests import (
    AddNumbers,
    ImportNumber,
    ImportNumbers,
    SmsLink,
    SmsPatch,
    TextEnable,
    TextEnableTollFree,
    UpdateImportedNumber,
)
from .letter import TABLES

if TYPE_CHECKING:
    from .. import DirectLoa, Letter, ResellerLoa
    from .start_answers import Answers, GoalName

_IMPORT_LIMIT = 5
_CHUNK = 500


def command_lines(answers: Answers, *, unattended: bool = False) -> str:
    """Return the lines that do what was answered by the command `sinch-hosting`.

    Args:
        answers: What was answered.
        unattended: Whether the lines run where nobody can be asked: they say yes beforehand.
    """
    lines = []
    loa: list[str] = []
    if answers.letter is not None:
        path = f"{answers.job}.toml"
        lines.append(f"cat > {shlex.quote(path)} <<'END-OF-LETTER'")
        lines += [*letter_file(answers.letter).splitlines(), "END-OF-LETTER"]
        loa = ["--loa", path]
    yes = ["--yes"] if unattended else []
    place = ["--plan", answers.plan, "--campaign", answers.campaign]
    job = ["--job", answers.job, *(["--settle", "0"] if answers.on_sandbox else [])]
    match answers.goal:
        case "import" if len(answers.numbers) == 1:
            words = ["numbers", "import", *answers.numbers, *place, "--wait"]
        case "import":
            words = ["orders", "import", *answers.numbers, *place, "--wait"]
            words += job
        case "qualify":
            words = ["qualify", "add", *answers.numbers]
        case "text-enable":
            words = ["orders", "text-enable", *answers.numbers, *place, *loa]
            letters = sum(-(-len(group.numbers) // _CHUNK) for group in answers.groups)
            words += ["--max-letters", str(letters), *job, "--wait"]
        case "onboard":
            words = ["onboard", "-", *place, *loa, *job, *yes]
        case "status":
            for verb in ("get", "report"):
                lines.append(shlex.join(["sinch-hosting", "orders", verb, answers.order_id]))
            words = ["orders", "numbers", answers.order_id]
        case "relink":
            words = ["numbers", "relink", *answers.numbers, *place, *yes]
        case "delete":
            words = ["numbers", "delete", *answers.numbers, *yes]
        case "challenge":
            words = ["qualify", "challenge", *answers.numbers, *yes]
    line = shlex.join(["sinch-hosting", *words])
    if answers.goal == "onboard":
        line = f"printf '%s\\n' {shlex.join(answers.numbers)} | {line}"
    return "\n".join([*lines, line])


def letter_file(letter: Letter) -> str:
    """Return a letter as the TOML file that `--loa` reads."""
    from .. import BlanketLoa, ResellerLoa  # noqa: PLC0415 - loaded by now

    if isinstance(letter, BlanketLoa):
        return 'kind = "blanket"\n'
    lines = ['kind = "direct"']
    if isinstance(letter, ResellerLoa):
        lines = ['kind = "reseller"', f"business_name = {_toml(letter.business_name)}"]
    lines.append(f"current_voice_carrier = {_toml(letter.current_voice_carrier)}")
    for table, names in TABLES.items():
        part = getattr(letter, table)
        lines += ["", f"[{table}]", *(f"{name} = {_toml(getattr(part, name))}" for name in names)]
    return "\n".join(lines) + "\n"


def _toml(text: str) -> str:
    """Return a text as TOML has it; what cannot be printed is escaped."""
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped)


# ------------------------------------------------------------------- curl

_HEAD = """\
api="${SINCH_HOSTING_BASE_URL:-https://imported.numbers.api.sinch.com}/v1/projects/$SINCH_PROJECT_ID"
# Credentials go through standard input: the arguments of a process can be read by others.
answer=$(printf 'user = "%s:%s"\\n' "$SINCH_KEY_ID" "$SINCH_KEY_SECRET" |
  curl -sS --fail-with-body -K - -d grant_type=client_credentials \\
    "${SINCH_HOSTING_AUTH_URL:-https://auth.sinch.com/oauth2/token}") || exit 1
token=$(printf '%s' "$answer" | sed 's/.*"access_token" *: *"\\([^"]*\\)".*/\\1/')
sinch() {
  printf 'header = "Authorization: Bearer %s"\\n' "$token" |
    curl -sS --fail-with-body -K - -H 'Content-Type: application/json' "$@" || exit 1
  echo
}
"""
_PROJECT = "the project of the environment"


def curl_lines(answers: Answers) -> str:
    """Return curl lines that do what was answered.

    A create is not sent again by them: where the answer is lost, look before you run them again.
    """
    # In parentheses, so that an error ends the lines and not the terminal.
    return f"(\n{_HEAD}" + "\n".join(_CURL[answers.goal](answers)) + "\n)"


def _request(operation: str, body: object = None, **identifiers: str) -> str:
    """Return the line of one operation; the values are quoted for the shell."""
    known = OPERATIONS[operation]
    path = shlex.quote(known.path(identifiers))
    line = f'sinch -X {known.method} "$api"{path}'
    if body is None:
        return line
    fields = encode(body)
    if operation.startswith("TextEnableTollFree"):
        fields["projectId"] = _PROJECT
    quoted = shlex.quote(json.dumps(fields, ensure_ascii=False))
    return f"{line} -d {quoted.replace(_PROJECT, _SHELL_PROJECT)}"


_SHELL_PROJECT = "'\"$SINCH_PROJECT_ID\"'"


def _import(answers: Answers) -> Iterator[str]:
    group = answers.group
    campaign = None if group.is_toll_free else answers.campaign or None
    if len(answers.numbers) == 1:
        link = SmsLink(service_plan_id=answers.plan, campaign_id=campaign)
        yield _request(
            "ImportNumber",
            ImportNumber(
                phone_number=answers.numbers[0], region_code=group.region, sms_configuration=link
            ),
        )
        yield _request("GetImportedNumber", **by_number(answers.numbers[0]))
        return
    for start in range(0, len(answers.numbers), _IMPORT_LIMIT):
        yield _request(
            "ImportNumbers",
            ImportNumbers(
                numbers=answers.numbers[start : start + _IMPORT_LIMIT],
                region_code=group.region,
                service_plan_id=answers.plan,
                campaign_id=campaign,
            ),
        )


def _qualify(answers: Answers) -> Iterator[str]:
    yield _request("AddQualifiedNumbers", AddNumbers(phone_numbers=answers.numbers))
    yield "# Now e-mail invoices that list the numbers to orders@sinch.com: 1 to 3 business days."


def _text_enable(answers: Answers) -> Iterator[str]:
    group = answers.group
    if group.is_toll_free:
        yield _request(
            "TextEnableTollFreeQualifiedNumbers",
            TextEnableTollFree(
                numbers=answers.numbers,
                region_code=group.region,
                service_plan_id=answers.plan,
                loa=_signed(answers.letter),
            ),
        )
    else:
        assert answers.letter is not None  # noqa: S101 - asked for
        yield _request(
            "TextEnableQualifiedNumbers",
            TextEnable(
                numbers=answers.numbers,
                region_code=group.region,
                service_plan_id=answers.plan,
                campaign_id=answers.campaign or None,
                loa=answers.letter,
            ),
        )
    yield '# It answers the order\'s id. Then: sinch "$api"/hostingOrders/ID'


def _signed(letter: Letter | None) -> DirectLoa | ResellerLoa:
    from .. import BlanketLoa  # noqa: PLC0415 - loaded by now

    assert letter is not None  # noqa: S101 - asked for
    assert not isinstance(letter, BlanketLoa)  # noqa: S101 - refused with toll-free numbers
    return letter


def _status(answers: Answers) -> Iterator[str]:
    for operation in ("GetHostingOrder", "GetHostingOrderReport", "ListHostingOrderNumbers"):
        yield _request(operation, order_id=answers.order_id)


def _relink(answers: Answers) -> Iterator[str]:
    unlinked = SmsPatch(service_plan_id="", campaign_id="")
    linked = SmsPatch(service_plan_id=answers.plan, campaign_id=answers.campaign)
    for number in answers.numbers:
        name = by_number(number)
        yield _request(
            "UpdateImportedNumber", UpdateImportedNumber(sms_configuration=unlinked), **name
        )
        yield "# Until the next line it has no service. It may take a while to become free:"
        yield _request(
            "UpdateImportedNumber", UpdateImportedNumber(sms_configuration=linked), **name
        )


def _delete(answers: Answers) -> Iterator[str]:
    for number in answers.numbers:
        yield _request("DeleteImportedNumber", **by_number(number))


def _challenge(answers: Answers) -> Iterator[str]:
    number = by_number(answers.numbers[0])
    yield _request("SendVoiceChallenge", **number)
    yield "printf 'Code that the voice said: ' && read -r code"
    path = shlex.quote(OPERATIONS["VerifyVoiceChallenge"].path(number))
    yield f'sinch -X POST "$api"{path} -d "{{\\"code\\": \\"$code\\"}}"'


_CURL: Mapping[GoalName, Callable[[Answers], Iterator[str]]] = {
    "import": _import,
    "qualify": _qualify,
    "text-enable": _text_enable,
    "status": _status,
    "relink": _relink,
    "delete": _delete,
    "challenge": _challenge,
}
