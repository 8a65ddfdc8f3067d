"""The words of headers, in English, French, Spanish, German and Portuguese.

A header is taken apart into words without accents and capitals, so that `Téléphone`,
`TELEPHONE` and `telephone_number` are understood alike.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from .text_repair import mend

# fmt: off
PHONE_WORDS = frozenset({
    "phone", "phones", "phonenumber", "phonenumbers", "phoneno", "phonenum", "telephone",
    "telephones", "telephonenumber", "tel", "telno", "telefon", "telefono", "telefone",
    "mobile", "mobilephone", "mobilenumber", "mobileno", "mobil", "movil", "cell",
    "cellphone", "cellnumber", "cellular", "celular", "cellulaire", "homephone", "workphone",
    "businessphone", "contactphone", "landline", "portable", "handy", "msisdn", "did", "dids",
    "tn", "tns", "tfn", "tfns", "ani", "e164", "wtn", "wtns", "btn", "mdn", "mtn", "ctn", "lineuri",
    "ph", "phn", "mob", "cel", "telf", "tlf",
    "rufnummer", "telefonnummer", "telefonos", "telefones", "telemovel",
    "fon", "teleph",
})
NUMBER_WORDS = frozenset({
    "number", "numbers", "numero", "numeros", "nummer", "no", "nr", "num",
    "nbr", "nbrs", "nos",
})
# With "number" after them they name phones as well.
KINDS_OF_NUMBER = frozenset({
    "wireless", "contact", "home", "work", "business", "office", "daytime", "day", "evening",
    "direct", "main", "text", "texting", "sms", "toll", "tollfree", "free", "local", "hosted",
    "ported", "porting", "dialed", "dialled", "working", "voice", "voip", "line", "dial",
    "subscriber", "service", "inbound", "outbound", "published",
})
# What may stand in the header of the rows' own numbers. With any other word they may be
# somebody else's, and come after those without one: `Sup. Phone`, `Losing TN`.
OWN_WORDS = frozenset({
    "value", "primary", "preferred", "personal", "best", "new", "current", "private", "my",
    "your", "customer", "customers", "client", "member", "employee", "student", "patient", "user",
    "s", "d", "de", "du", "la", "le", "el", "l", "principal", "principale", "bureau", "domicile",
    "maison", "travail", "casa", "trabajo", "oficina", "particular", "fijo", "fixe", "privat",
    "dienstlich", "geschaftlich", "wk", "hm", "ofc", "off", "bus", "biz", "us", "usa", "american",
    "canada", "canadian", "digit", "digits", "format", "to", "port", "host", "enable", "enabled",
    "messaging", "what", "is", "the", "reach", "at", "you", "can", "we", "uri", "a", "of", "for",
    "which", "should", "be", "contacted", "shipping", "gaining", "target", "actual", "correct",
})
# Words that make something else of a phone's header: its type, its carrier, its country.
OTHER_WORDS = frozenset({
    "type", "types", "kind", "carrier", "provider", "ext", "extension", "extn", "country",
    "code", "codes", "verified", "valid", "validated", "email", "mail", "id", "ids", "date",
    "time", "status", "note", "notes", "remark", "remarks", "comment", "comments",
    "model", "count", "plan", "charge", "charges", "usage", "minutes", "label", "consent",
    "opt", "optin", "optout", "imei", "url",
})
OTHER_THINGS = (OTHER_WORDS - {"ext", "extension", "extn", "carrier", "provider"}) | {
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
# Under these, ten digits without signs are more likely the number of a record than a phone's.
PERHAPS_RECORDS = frozenset({
    "customer", "customers", "client", "clients", "employee", "employees", "patient", "patients",
    "user", "users", "record", "device", "badge", "loan", "kunde", "kunden",
    "cliente", "clientes", "contract", "contrat", "contrato", "vertrag", "lead", "deal", "job",
    "donor", "guest", "tenant", "site", "location", "store", "asset", "key",
})
# Numbers of other people and other machines: a text-enabled one would be a stranger's.
SOMEBODY_ELSE = frozenset({
    "manager", "managers", "supervisor", "supervisors", "boss", "assistant", "assistants",
    "secretary", "parent", "parents", "guardian", "guardians", "mother", "mothers", "father",
    "fathers", "mom", "moms", "dad", "dads", "mum", "spouse", "spouses", "husband", "wife",
    "partner", "partners", "relative", "sibling", "kin", "nok", "emergency", "ice", "alternate",
    "alt", "alternative", "alternativ", "secondary", "second", "other", "backup", "additional",
    "old", "previous", "prev", "former", "prior", "past", "ex", "disconnected", "cancelled",
    "canceled", "inactive", "temporary", "temp", "interim",
    "fax", "faxes", "facsimile", "telefax", "telecopieur", "telecopie",
    "copieur", "telecopy", "billing", "bill", "btn", "payer", "pager", "beeper", "tty", "tdd",
    "telex",
    "isdn", "modem", "referral", "referrer", "referred", "referee", "references", "doctor",
    "physician", "pharmacy", "dentist", "insurance", "insurer", "hospital", "clinic", "landlord",
    "employer", "school", "lawyer", "attorney", "broker", "agent", "agents", "realtor",
    "adjuster", "vendor", "vendors", "supplier", "support", "helpdesk", "forward", "forwarding",
    "forwarded", "forwards", "destination", "callback", "caller", "callerid", "cid", "cidnum",
    "clid", "neighbor", "neighbour", "friend", "dnc", "blocked", "blacklist", "suppressed",
    "unsubscribed", "donotcall",
    "gestionnaire", "superviseur", "superieur", "patron", "adjoint", "adjointe", "mere", "pere",
    "tuteur", "conjoint", "conjointe", "urgence", "urgences", "autre", "ancien", "ancienne",
    "precedent", "precedente", "facturation", "secondaire", "telec", "telecop",
    "gerente", "jefe", "asistente", "padre", "padres", "madre", "tutor", "conyuge",
    "emergencia", "emergencias", "otro", "otra", "alterno", "alternativo", "anterior",
    "antiguo", "viejo", "facturacion", "secundario", "responsable",
    "vorgesetzter", "assistent", "assistenz", "notfall", "alte", "alter", "andere", "eltern",
    "mutter", "vater",
})
COUNTRY_WORDS = frozenset({"country", "ctry", "cntry", "pays", "pais", "nation"})
CALLING_WORDS = frozenset({
    "calling", "dial", "dialing", "dialling", "isd", "idd", "intl", "international", "phone",
    "telephone", "mobile", "indicatif", "prefix",
})
CODE_WORDS = frozenset({"code", "cd", "prefix", "indicatif", "prefijo", "codigo", "vorwahl"})
NO_COUNTRY_OF_A_PHONE = frozenset({
    "birth", "origin", "manufacture", "citizenship", "nationality", "made", "club", "visited",
    "count", "music", "destination", "naissance", "origine", "nacimiento", "origen", "zip",
    "postal", "promo", "discount", "access", "security", "bar", "verification", "network",
    "pin", "unlock",
})
AREA_CODES = frozenset({
    ("area", "code"), ("areacode",), ("npa",), ("area",), ("ac",), ("phone", "area", "code"),
    ("indicatif", "regional"), ("code", "regional"), ("codigo", "de", "area"),
    ("local", "area", "code"), ("phone", "area"), ("tel", "area", "code"), ("lada",),
    ("telephone", "area", "code"),
})
SURE_CODES = frozenset({"cc", "ccode", "isd", "idd", "dial", "dialing", "calling", "prefix"})
MACHINES = frozenset({"fax", "faxes", "facsimile", "telefax", "telecopieur", "pager", "beeper"})
ENDS = frozenset({"end", "ending", "last", "through", "thru", "fin", "hasta", "bis"})
PREPOSITIONS = frozenset({"with", "including", "include", "incl", "avec", "con", "mit", "please"})
# Other scripts have no words to take apart, so what they say is looked for.
_OTHER_SCRIPTS = {
    "\u7535\u8bdd": "phone", "\u96fb\u8a71": "phone", "\u624b\u673a": "mobile",
    "\u624b\u6a5f": "mobile", "\u643a\u5e2f": "mobile", "\uc804\ud654": "phone",
    "\u0442\u0435\u043b\u0435\u0444\u043e\u043d": "phone", "\u2706": "phone", "\u260e": "phone",
    "\U0001f4de": "phone", "\U0001f4f1": "mobile", "\u4f20\u771f": "fax", "\u50b3\u771f": "fax",
    "\u0444\u0430\u043a\u0441": "fax", "\U0001f4e0": "fax", "\u7d27\u6025": "emergency",
    "\u7dca\u6025": "emergency", "\u7d4c\u7406": "manager", "\u7ecf\u7406": "manager",
}
_VOCABULARY = frozenset().union(
    PHONE_WORDS, NUMBER_WORDS, KINDS_OF_NUMBER, OTHER_THINGS, OTHER_WORDS, SOMEBODY_ELSE,
    COUNTRY_WORDS, CALLING_WORDS, CODE_WORDS, {"area", "areacode"},
)
# fmt: on


@lru_cache(maxsize=4096)
def words(cell: str) -> tuple[str, ...]:
    """Return a header's words: without accents and capitals, `phoneNumber2` as three."""
    text = html.unescape(mend(cell[:1_000])).replace("\ufffd", " ")
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    if not spaced.isascii():
        for written, said in _OTHER_SCRIPTS.items():
            spaced = re.sub(written, f" {said} ", spaced, flags=re.IGNORECASE)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    found = re.findall(r"e164|[a-z]+|\d+", plain.casefold().replace("e.164", "e164"))
    return tuple(part for word in found for part in _parted(word))


def _parted(word: str) -> tuple[str, ...]:
    """Return words that were written as one: `managerphone`, `countrycode`, `faxno`."""
    if word in _VOCABULARY or len(word) < 5:
        return (word,)
    for at in range(3, len(word) - 1):
        if word[:at] in _VOCABULARY and (rest := _parted(word[at:])) and rest[0] in _VOCABULARY:
            return (word[:at], *rest)
    return (word,)
