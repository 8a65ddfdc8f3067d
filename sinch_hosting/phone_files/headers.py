"""What a column's header says: whose numbers are under it, or what else.

A header is taken apart into words, without accents and capitals, so that `Téléphone`,
`TELEPHONE` and `telephone_number` are understood alike, in English, French, Spanish, German
and Portuguese.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from .cells import NO_AREA_CODE, may_hold_number, understand
from .countries import ABROAD
from .text_repair import mend

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Role(Enum):
    """What a column is for."""

    PHONE = "the rows' own numbers"
    OTHER_PHONE = "numbers of somebody or something else: come last"
    COUNTRY = "the country's name or code"
    CALLING_CODE = "the digits after the plus"
    AREA_CODE = "the area code of seven-digit numbers"
    OTHER = "something that may look like a number: an order, an account"
    UNKNOWN = "nothing that is known here"


# fmt: off
_PHONE_WORDS = frozenset({
    "phone", "phones", "phonenumber", "phonenumbers", "phoneno", "phonenum", "telephone",
    "telephones", "telephonenumber", "tel", "telno", "telefon", "telefono", "telefone",
    "mobile", "mobilephone", "mobilenumber", "mobileno", "mobil", "movil", "cell",
    "cellphone", "cellnumber", "cellular", "celular", "cellulaire", "homephone", "workphone",
    "businessphone", "contactphone", "landline", "portable", "handy", "msisdn", "did", "dids",
    "tn", "tns", "tfn", "tfns", "ani", "e164", "wtn", "wtns", "btn", "mdn", "mtn", "ctn", "lineuri",
    "rufnummer", "telefonnummer", "telefonos", "telefones", "telemovel", "fon", "teleph",
})
_NUMBER_WORDS = frozenset({"number", "numbers", "numero", "numeros", "nummer", "no", "nr", "num"})
# With "number" after them they name phones as well.
_KINDS_OF_NUMBER = frozenset({
    "wireless", "contact", "home", "work", "business", "office", "daytime", "day", "evening",
    "direct", "main", "text", "texting", "sms", "toll", "tollfree", "free", "local", "hosted",
    "ported", "porting", "dialed", "dialled", "working", "voice", "voip", "line", "dial",
    "subscriber", "service", "inbound", "outbound", "published",
})
# Words that make something else of a phone's header: its type, its carrier, its country.
_OTHER_WORDS = frozenset({
    "type", "types", "kind", "carrier", "provider", "ext", "extension", "extn", "country",
    "code", "codes", "verified", "valid", "validated", "email", "mail", "id", "ids", "date",
    "time", "status", "state", "note", "notes", "remark", "remarks", "comment", "comments",
    "model", "count", "plan", "charge", "charges", "usage", "minutes", "label", "consent",
    "opt", "optin", "optout", "imei", "make", "brand", "os", "system", "name", "owner", "url",
})
_OTHER_THINGS = (_OTHER_WORDS - {"ext", "extension", "extn", "name", "owner", "line"}) | {
    "order", "orders", "orderid", "orderno", "ordernumber", "customerid", "userid", "uuid",
    "zip", "zipcode", "postal", "postcode", "plz", "account", "accountid", "accountno",
    "accountnumber", "acct", "invoice", "invoiceid", "invoiceno", "invoicenumber", "sku", "upc",
    "ean", "isbn", "serial", "ssn", "tax", "vat", "ein", "npi", "ref", "reference", "case",
    "ticket", "tracking", "transaction", "barcode", "product", "item", "part", "po", "purchase",
    "amount", "price", "total", "quantity", "timestamp", "created", "updated", "birth", "dob",
    "license", "licence", "policy", "member", "bestellung", "auftrag", "konto", "rechnung",
    "commande", "facture", "compte", "pedido", "factura", "cuenta", "iccid", "imsi", "meid",
    "esn", "sim", "mac", "routing", "iban", "claim", "mrn", "student", "confirmation", "lat",
    "lon", "lng", "latitude", "longitude", "epoch", "unix",
}
# Under these, ten bare digits are rather the number of a record than a phone's.
_PERHAPS_RECORDS = frozenset({
    "customer", "customers", "client", "clients", "employee", "employees", "patient", "patients",
    "user", "users", "record", "device", "badge", "loan", "kunde", "kunden",
    "cliente", "clientes", "contract", "contrat", "contrato", "vertrag", "lead", "deal", "job",
    "donor", "guest", "tenant", "site", "location", "store", "asset", "key",
})
# Numbers of other people and other machines: a text-enabled one would be a stranger's.
_SOMEBODY_ELSE = frozenset({
    "manager", "managers", "supervisor", "supervisors", "boss", "assistant", "assistants",
    "secretary", "parent", "parents", "guardian", "guardians", "mother", "mothers", "father",
    "fathers", "mom", "moms", "dad", "dads", "mum", "spouse", "spouses", "husband", "wife",
    "partner", "partners", "relative", "sibling", "kin", "nok", "emergency", "ice", "alternate",
    "alt", "alternative", "alternativ", "secondary", "second", "other", "backup", "additional",
    "old", "previous", "prev", "former", "prior", "past", "ex", "disconnected", "cancelled",
    "canceled", "inactive", "fax", "faxes", "facsimile", "telefax", "telecopieur", "telecopie",
    "telecopy", "billing", "bill", "btn", "payer", "pager", "beeper", "tty", "tdd", "telex",
    "isdn", "modem", "referral", "referrer", "referred", "referee", "references", "doctor",
    "physician", "pharmacy", "dentist", "insurance", "insurer", "hospital", "clinic", "landlord",
    "employer", "school", "lawyer", "attorney", "broker", "agent", "agents", "realtor",
    "adjuster", "vendor", "vendors", "supplier", "support", "helpdesk", "forward", "forwarding",
    "forwarded", "forwards", "destination", "callback", "caller", "callerid", "cid", "cidnum",
    "clid", "neighbor", "neighbour", "friend", "dnc", "blocked", "blacklist", "suppressed",
    "unsubscribed", "donotcall",
    "gestionnaire", "superviseur", "superieur", "patron", "adjoint", "adjointe", "mere", "pere",
    "tuteur", "conjoint", "conjointe", "urgence", "urgences", "autre", "ancien", "ancienne",
    "precedent", "precedente", "facturation", "secondaire", "telecop",
    "gerente", "jefe", "asistente", "padre", "padres", "madre", "tutor", "conyuge",
    "emergencia", "emergencias", "otro", "otra", "alterno", "alternativo", "anterior",
    "antiguo", "viejo", "facturacion", "secundario", "responsable",
    "vorgesetzter", "assistent", "assistenz", "notfall", "alte", "alter", "andere", "eltern",
    "mutter", "vater",
})
_COUNTRY_WORDS = frozenset({"country", "ctry", "cntry", "pays", "pais", "nation"})
_CALLING_WORDS = frozenset({
    "calling", "dial", "dialing", "dialling", "isd", "idd", "intl", "international", "phone",
    "telephone", "mobile", "indicatif", "prefix",
})
_CODE_WORDS = frozenset({"code", "cd", "prefix", "indicatif", "prefijo", "codigo", "vorwahl"})
_NO_COUNTRY_OF_A_PHONE = frozenset({
    "birth", "origin", "manufacture", "citizenship", "nationality", "made", "club", "visited",
    "count", "music", "destination", "naissance", "origine", "nacimiento", "origen", "zip",
    "postal", "promo", "discount", "access", "security", "bar", "verification", "network",
    "pin", "unlock",
})
_AREA_CODES = frozenset({
    ("area", "code"), ("areacode",), ("npa",), ("area",), ("ac",), ("phone", "area", "code"),
    ("indicatif", "regional"), ("code", "regional"), ("codigo", "de", "area"),
    ("local", "area", "code"), ("phone", "area"), ("tel", "area", "code"), ("lada",),
    ("telephone", "area", "code"),
})
# fmt: on
_SURE_CODES = frozenset({"cc", "ccode", "isd", "idd", "dial", "dialing", "calling", "prefix"})
_MACHINES = frozenset({"fax", "faxes", "facsimile", "telefax", "telecopieur", "pager", "beeper"})
# What a cell must have at least to be looked at as a label.
_LABEL = re.compile(
    r":\s*\Z|fax|phone|t[e\u00e9]l|cell|cel\b|mobil|m[o\u00f3]vil|pager|beeper|number",
    re.IGNORECASE,
)
_CODE_TITLES = _CODE_WORDS | _SURE_CODES
_PREPOSITIONS = frozenset({"with", "including", "include", "incl", "avec", "con", "mit", "please"})
_FILLERS = frozenset({"value", "number", "no", "num"})
_MOST_WORDS = 14


_VOCABULARY = frozenset().union(
    _PHONE_WORDS, _NUMBER_WORDS, _KINDS_OF_NUMBER, _OTHER_THINGS, _OTHER_WORDS, _SOMEBODY_ELSE,
    _COUNTRY_WORDS, _CALLING_WORDS, _CODE_WORDS, {"area", "areacode"},
)  # fmt: skip


@lru_cache(maxsize=4096)
def words(cell: str) -> tuple[str, ...]:
    """A header's words: without accents and capitals, `phoneNumber2` as three."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mend(cell[:1_000]))
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    found = re.findall(r"e164|[a-z]+|\d+", plain.casefold().replace("e.164", "e164"))
    return tuple(part for word in found for part in _parted(word))


def _parted(word: str) -> tuple[str, ...]:
    """Words that were written as one: `managerphone`, `countrycode`, `faxno`."""
    if word in _VOCABULARY or len(word) < 5:
        return (word,)
    for at in range(3, len(word) - 1):
        if word[:at] in _VOCABULARY and (rest := _parted(word[at:])) and rest[0] in _VOCABULARY:
            return (word[:at], *rest)
    return (word,)


@lru_cache(maxsize=4096)
def role(cell: str) -> Role:
    """What the column under a header is for."""
    said = words(cell)
    known = frozenset(said)
    if not said or len(said) > _MOST_WORDS:
        return Role.UNKNOWN
    if (beside := _role_beside_phones(said, known)) is not None:
        return beside
    somebody_else = not _SOMEBODY_ELSE.isdisjoint(known)
    if names_phones(cell):
        return Role.OTHER_PHONE if somebody_else or names_abroad(cell) else Role.PHONE
    if somebody_else and not known & (_OTHER_THINGS - _SOMEBODY_ELSE):
        return Role.OTHER_PHONE
    if len(said) <= 4 and not known & _PHONE_WORDS and known & _OTHER_THINGS:
        return Role.OTHER
    return Role.UNKNOWN


def _role_beside_phones(said: tuple[str, ...], known: frozenset[str]) -> Role | None:
    """The role of a column that says more about the phone column's numbers."""
    if said in _AREA_CODES:
        return Role.AREA_CODE
    if said == ("land",) or (known & _COUNTRY_WORDS and len(said) <= 5):
        other = _NO_COUNTRY_OF_A_PHONE | (_SOMEBODY_ELSE - {"billing", "bill", "other"})
        return Role.UNKNOWN if known & other else Role.COUNTRY
    if known & _CALLING_WORDS and known & _CODE_WORDS and len(said) <= 4:
        other = _NO_COUNTRY_OF_A_PHONE | {"area"}
        return Role.UNKNOWN if known & other else Role.CALLING_CODE
    return None


def names_phones_plainly(cell: str) -> bool:
    """Whether it says so with a word for phones, not with "number" alone."""
    return not _NUMBER_WORDS.issuperset(words(cell))


def names_phones(cell: str) -> bool:
    """Whether phones are what a header names, whosoever they are, and not something about them."""
    outside = words(re.sub(r"\([^()]*\)|\[[^\]]*\]", " ", cell))
    said = outside or words(cell)
    for position, word in enumerate(said):
        if word in _PREPOSITIONS and position:
            said = said[:position]
            break
    known = frozenset(said)
    if not said or len(said) > _MOST_WORDS or known & _OTHER_WORDS:
        return False
    if known & _PHONE_WORDS:
        return True
    if known & _OTHER_THINGS or not known & _NUMBER_WORDS:
        return False
    return len(said) == 1 or bool(known & _KINDS_OF_NUMBER)


def may_name_records(cell: str) -> bool:
    """Whether bare digits under a header may be the numbers of records: of customers, loans."""
    return not _PERHAPS_RECORDS.isdisjoint(words(cell))


def names_abroad(cell: str) -> bool:
    """Whether a phone header names another country: `UK Phone`."""
    return not ABROAD.isdisjoint(words(cell))


def may_be_countries(cell: str) -> bool:
    """Whether countries under a header could be those of the phone numbers."""
    return _NO_COUNTRY_OF_A_PHONE.isdisjoint(words(cell))


def names_a_code(cell: str, *, surely: bool = False) -> bool:
    """Whether a header could stand over calling codes: `Code`; surely so: `CC`, `Prefix`."""
    return not (_SURE_CODES if surely else _CODE_TITLES).isdisjoint(words(cell))


def calls_it_otherwise(label: str) -> bool:
    """Whether the cell before a number says that it is somebody else's or no phone's.

    `Fax`, `Manager phone` and `Account:` do; `Support` may be the name of a line.
    """
    if not _LABEL.search(label[:60]):
        return False
    said, what = words(label), role(label)
    if label.rstrip().endswith(":"):
        return what in {Role.OTHER, Role.OTHER_PHONE}
    machine = len(said) <= 3 and not _MACHINES.isdisjoint(said)
    return what is Role.OTHER_PHONE and (machine or names_phones(label))


def type_header_of(header: Sequence[str], column: int) -> int | None:
    """The column that gives the type of the numbers in another one: `Phone 1 - Type`."""
    stem = [word for word in words(header[column]) if word not in _FILLERS]
    for index, cell in enumerate(header):
        said = words(cell)
        if index != column and "type" in said and [w for w in said if w != "type"] == stem:
            return index
    return None


def count_numbers(rows: Iterable[Sequence[str]], *, local: bool = False) -> Counter[int]:
    """How many cells of each column hold a phone number.

    Args:
        rows: The rows to count in.
        local: Whether seven digits count as well, for there is a column of area codes.
    """
    numbers: Counter[int] = Counter()
    for row in rows:
        for index, cell in enumerate(row):
            if may_hold_number(cell):
                numbers[index] += understand(cell).is_number
            elif local and len(cell) >= 7 and understand(cell) is NO_AREA_CODE:
                numbers[index] += 1
    return +numbers
