"""The questions of `sinch-hosting start`: asked on a terminal or answered by flags, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from attrs import evolve, frozen
from cyclopts import Group, Parameter

from ..models import _checks as check
from ..workflows.groups import NumberGroup, groups_of, is_toll_free
from .errors import BadInput
from .letter import read_letter
from .number_input import job_of_line, read_records
from .options import SOURCE
from .prompts import answer_to, choice_of

if TYPE_CHECKING:
    from .. import Letter
    from ..phone_files import PhoneRecord

GoalName: TypeAlias = Literal[
    "import", "qualify", "text-enable", "onboard", "status", "relink", "delete", "challenge"
]
Language: TypeAlias = Literal["command", "python", "curl"]
LetterKind: TypeAlias = Literal["direct", "reseller", "blanket"]

GOALS: Mapping[GoalName, tuple[str, str]] = {
    "import": ("use numbers whose text routing you control already", "AB"),
    "qualify": ("have voice numbers of another carrier reviewed", "C"),
    "text-enable": ("text-enable numbers that are qualified", "D"),
    "onboard": ("take numbers from any state to text-enabled", "CD"),
    "status": ("see how far an order is", "E"),
    "relink": ("move numbers to another service plan or campaign", "F"),
    "delete": ("take numbers out of Sinch", "F"),
    "challenge": ("prove by telephone that a number is yours", "F"),
}
"""What can be wanted: in words, and the letters of its workflows."""
_LANGUAGES: Mapping[Language, str] = {
    "command": "a line for the terminal",
    "python": "a complete Python program",
    "curl": "curl lines",
}
_LETTERS: Mapping[LetterKind, str] = {
    "direct": "the owner of the numbers signs; it is your customer, or you",
    "reseller": "the numbers come through a reseller; its customer signs",
    "blanket": "a letter for all numbers was signed before; none is mailed",
}
_PARTS: Mapping[str, str] = {
    "business_name": "Business name?",
    "carrier": "Who carries the voice calls today?",
    "first_name": "First name of the signer?",
    "last_name": "Last name of the signer?",
    "email": "E-mail address of the signer? (the letter is mailed there)",
    "building_number": "Owner's building number?",
    "street": "Street?",
    "city": "City?",
    "state": "State (such as IL or QC)?",
    "postal_code": "Postal code?",
    "country": "Country?",
}
"""The parts of a letter by their flags, and the questions for them, in the order of asking."""
_WITH_PLACE = ("import", "text-enable", "onboard", "relink")
_WITH_LETTER = ("text-enable", "onboard")
_ONE_ORDER = 500
_LETTER = Group("Letter", sort_key=12)


@Parameter(name="*")
@frozen(kw_only=True)
class LetterFlags:
    """A letter of authorization, part by part; what is missing is asked for."""

    letter: Annotated[
        LetterKind | None, Parameter(group=_LETTER, help="direct, reseller or blanket.")
    ] = None
    loa: Annotated[
        Path | None, Parameter(group=_LETTER, help="A letter's file, instead of the parts below.")
    ] = None
    business_name: Annotated[
        str | None, Parameter(group=_LETTER, help="The reseller's customer; reseller only.")
    ] = None
    carrier: Annotated[
        str | None, Parameter(group=_LETTER, help="Who carries the voice calls today.")
    ] = None
    first_name: Annotated[str | None, Parameter(group=_LETTER, help="Of the signer.")] = None
    last_name: Annotated[str | None, Parameter(group=_LETTER, help="Of the signer.")] = None
    email: Annotated[
        str | None, Parameter(group=_LETTER, help="Where the letter is mailed to.")
    ] = None
    building_number: Annotated[
        str | None, Parameter(group=_LETTER, help="Of the owner of the numbers.")
    ] = None
    street: Annotated[str | None, Parameter(group=_LETTER, help="Of the owner.")] = None
    city: Annotated[str | None, Parameter(group=_LETTER, help="Of the owner.")] = None
    state: Annotated[str | None, Parameter(group=_LETTER, help="Such as IL or QC.")] = None
    postal_code: Annotated[str | None, Parameter(group=_LETTER, help="Of the owner.")] = None
    country: Annotated[str | None, Parameter(group=_LETTER, help="Such as US.")] = None


@frozen(kw_only=True)
class Answers:
    """All that was answered, checked."""

    goal: GoalName
    language: Language
    numbers: tuple[str, ...] = ()
    groups: tuple[NumberGroup, ...] = ()
    """The numbers by region and kind: what may go in one order."""
    plan: str = ""
    campaign: str = ""
    letter: Letter | None = None
    order_id: str = ""
    job: str = ""
    on_sandbox: bool = False
    """Whether it runs on a sandbox of its own, where nobody else can have begun the job."""

    @property
    def group(self) -> NumberGroup:
        """The one group of numbers, where there is but one."""
        return self.groups[0]

    def without(self, numbers: Sequence[str]) -> Answers:
        """Return the answers without some numbers."""
        groups = [
            evolve(group, numbers=tuple(n for n in group.numbers if n not in numbers))
            for group in self.groups
        ]
        return evolve(
            self,
            numbers=tuple(n for n in self.numbers if n not in numbers),
            groups=tuple(group for group in groups if group.numbers),
        )


@Parameter(name="*")
@frozen(kw_only=True)
class Flags:
    """The options that answer the first questions; what is missing is asked for."""

    goal: Annotated[
        GoalName | None,
        Parameter(
            help="import, qualify, text-enable, onboard, status, relink, delete or challenge."
        ),
    ] = None
    language: Annotated[
        Language | None, Parameter(help="command (the default), python or curl.")
    ] = None
    region: Annotated[
        Literal["US", "CA"] | None, Parameter(help="US or CA; by default what each number says.")
    ] = None
    kind: Annotated[
        Literal["local", "toll-free"] | None,
        Parameter(help="local or toll-free; checked against the numbers."),
    ] = None
    order: Annotated[str | None, Parameter(help="The id of an order, for the goal status.")] = None
    job: Annotated[
        str | None,
        Parameter(help="The name of the job, up to 25 letters; made from the answers by default."),
    ] = None


def answers_to(
    flags: Flags,
    numbers: Sequence[str],
    letter: LetterFlags,
    plan: str | None,
    campaign: str | None,
) -> Answers:
    """Ask what is missing, and return all of it, checked.

    Raises:
        BadInput: Nobody can be asked, an answer is wrong, or two contradict each other.
    """
    goals: Mapping[GoalName, str] = {name: said for name, (said, _) in GOALS.items()}
    goal = choice_of(goals, "--goal", "What do you want to do?", flags.goal)
    if goal == "status":
        order_id = answer_to(
            "--order",
            "Which order (its id)?",
            flags.order,
            lambda answer: check.check_identifier(answer, "order"),
        )
        return Answers(goal=goal, language=_language(flags), order_id=order_id)
    records = _records(numbers)
    groups = _groups(records, flags)
    has_toll_free = any(group.is_toll_free for group in groups)
    its_plan = its_campaign = ""
    if goal in _WITH_PLACE:
        its_plan = answer_to(
            "--plan", "Which service plan?", plan, lambda answer: check.check_text(answer, "plan")
        )
        if not all(group.is_toll_free for group in groups):
            its_campaign = answer_to(
                "--campaign",
                "Which 10DLC campaign? (empty: none)",
                campaign,
                lambda answer: check.check_any_text(answer, "campaign_id"),
                default="",
            )
    answers = Answers(
        goal=goal,
        letter=_letter(letter, local_only=not has_toll_free) if goal in _WITH_LETTER else None,
        language=_language(flags),
        numbers=tuple(number for group in groups for number in group.numbers),
        groups=tuple(groups),
        plan=its_plan,
        campaign=its_campaign,
        job=flags.job or job_of_line("start", records, [goal, its_plan, its_campaign]),
    )
    _check_form(answers)
    return answers


def _language(flags: Flags) -> Language:
    question = "How do you want to do it?"
    return choice_of(_LANGUAGES, "--language", question, flags.language, default="command")


def _records(given: Sequence[str]) -> list[PhoneRecord]:
    """Return the numbers that were given, or ask for them; each is checked."""
    if given:
        return read_records(given, SOURCE)
    return answer_to(
        "the numbers",
        "Which numbers (in E.164, or a file)?",
        None,
        lambda answer: read_records(answer.replace(",", " ").split(), SOURCE),
    )


def _groups(records: Sequence[PhoneRecord], flags: Flags) -> list[NumberGroup]:
    """Return the numbers by region and kind; raises `BadInput` where a flag says otherwise."""
    for record in records:
        kind = "toll-free" if is_toll_free(record) else "local"
        if flags.kind is not None and kind != flags.kind:
            raise BadInput(f"--kind {flags.kind}: {record.phone_number} is {kind}")
        if flags.region is not None and kind == "local" and record.region != flags.region:
            raise BadInput(
                f"--region {flags.region}: {record.phone_number} is a number of {record.region}"
            )
    return groups_of([evolve(r, region=flags.region) if flags.region else r for r in records])


def _letter(flags: LetterFlags, *, local_only: bool) -> Letter:
    """Return the letter of authorization; what no flag says of it is asked for."""
    from .. import BlanketLoa  # noqa: PLC0415 - models are loaded where they are needed

    if flags.loa is not None:
        letter = read_letter(flags.loa)
    else:
        kinds: dict[LetterKind, str] = {
            name: said for name, said in _LETTERS.items() if local_only or name != "blanket"
        }
        kind = choice_of(kinds, "--letter", "Which letter?", flags.letter)
        letter = BlanketLoa() if kind == "blanket" else _signed_letter(kind, flags)
    if isinstance(letter, BlanketLoa) and not local_only:
        raise BadInput("a blanket letter is for local numbers only; there are toll-free ones")
    return letter


def _signed_letter(kind: LetterKind, flags: LetterFlags) -> Letter:
    from .. import Address, AuthorisedPerson, DirectLoa, ResellerLoa  # noqa: PLC0415

    said = {
        name: _part(name, question, getattr(flags, name))
        for name, question in _PARTS.items()
        if kind == "reseller" or name != "business_name"
    }
    person = AuthorisedPerson(
        first_name=said["first_name"], last_name=said["last_name"], email=said["email"]
    )
    address = Address(
        building_number=said["building_number"],
        street=said["street"],
        city=said["city"],
        state=said["state"],
        postal_code=said["postal_code"],
        country=said["country"],
    )
    if kind == "direct":
        return DirectLoa(
            authorised_person=person, address=address, current_voice_carrier=said["carrier"]
        )
    return ResellerLoa(
        business_name=said["business_name"],
        authorised_person=person,
        address=address,
        current_voice_carrier=said["carrier"],
    )


def _part(name: str, question: str, given: str | None) -> str:
    rule = check.check_email if name == "email" else check.check_text
    flag = f"--{name.replace('_', '-')}"
    default = "US" if name == "country" else None
    return answer_to(flag, question, given, lambda answer: rule(answer, name), default)


def _check_form(answers: Answers) -> None:
    """Refuse what cannot be said in the language that was asked for."""
    goal, language = answers.goal, answers.language
    if goal == "onboard" and language == "curl":
        raise BadInput(
            "--language curl: onboarding takes many requests over days; take command or python"
        )
    is_elsewhere = any(group.is_toll_free and group.region != "US" for group in answers.groups)
    if is_elsewhere and goal in _WITH_PLACE and (language == "command" or goal == "onboard"):
        raise BadInput(
            "--region CA with toll-free numbers: the command takes them for numbers of the US; "
            "take --language python with --goal import or text-enable"
        )
    if goal == "challenge" and len(answers.numbers) != 1:
        raise BadInput("a voice challenge calls one number: give one number")
    if language == "command" or goal not in ("import", "text-enable"):
        return
    if len(answers.groups) > 1:
        raise BadInput(
            "local and toll-free numbers, and regions, go in orders of their own: start with one "
            "kind, or take --language command"
        )
    if goal == "text-enable" and len(answers.numbers) > _ONE_ORDER:
        raise BadInput(
            f"{len(answers.numbers)} numbers are more than an order holds ({_ONE_ORDER}): take "
            "--language command, or --goal onboard"
        )
