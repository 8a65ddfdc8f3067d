"""What people and programs write around a number: labels, links, quotes, invisible signs.

Each function takes a text and returns it without what is not dialled. None of them adds or
removes a digit of the number. What cannot be removed safely stays, and `cells` then rejects the
cell.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

from .text_repair import mend

_MARKS = "'\"`\u00b4\u2018\u2019\u201c\u201d"
_MIDDLE_DOTS = str.maketrans(dict.fromkeys("\u00b7\u2022\u2219\u2027_", "-"))
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Variation selectors, joiners, fillers and the frame of a keycap: marks that nobody sees.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u20e3\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\x00-\x08\x0e-\x1f\x7f-\x9f\U000e0100-\U000e01ef]"
)
_TRADE_MARKS = re.compile("[\u00ae\u2120\u2122]")  # NFKC would make letters of them
_PICTURES = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")  # a telephone, a pen, a flag
# A footnote's sign behind a number: NFKC would make a digit of it.
_FOOTNOTES = re.compile("(?<=\\d)[\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]+")
_ENTITY = re.compile(r"&(?:#\d+|#x[\da-f]+|[a-z]+);", re.IGNORECASE)
_FORMULA = re.compile(r'=\+?"?([^"]*)"?')
_WHOLE_FLOAT = re.compile(r"(\+?\d{10,})[.,]0+")
_FRACTION = re.compile(r"[+-]?\d{7,}[.,]\d{1,3}")
_SCIENTIFIC = re.compile(r"\+?(\d)(?:[.,](\d*))?e\+?(\d{1,2})", re.IGNORECASE)

# Links: what is dialled, and what is shown.
_SCHEME = r"(?:tel|callto|sms|smsto|mms|skype|facetime|facetime-audio|whatsapp)"
_URI = re.compile(rf"{_SCHEME}:(?://)?", re.IGNORECASE)
_SIP = re.compile(r"sips?:(\+?\d{10,11})(?:;[^@\s]*)?@[^\s,;]+(?:;\S*)?", re.IGNORECASE)
_LINK = re.compile(
    rf"<a\b[^>]*\bhref\s*=\s*[\"']?{_SCHEME}:([^\"'>]*)[\"']?[^>]*>(.*?)</a\s*>"
    rf"|\[([^\]]*)\]\({_SCHEME}:([^)]*)\)"
    rf"|=HYPERLINK\(\s*\"{_SCHEME}:([^\"]*)\"\s*[,;]\s*\"([^\"]*)\"\s*\)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)

# Labels in English, French, Spanish and German. A fax's, a manager's or a pager's is none:
# such a number is refused.
_LABEL = (
    r"(?:bur|bureau|business|biz|canada|casa|cel|celular|cell|cellulaire|cellular|"
    r"cellphone|contact|day|daytime|desk|dial|did|direct|direct line|dom|domicile|eve|evening|"
    r"festnetz|fijo|fixe|fon|fono|handy|hm|home|land ?line|ligne|line|local|main|main line|maison|"
    r"mob|mobil|mobile|m[o\u00f3]vil|off|"
    r"office|oficina|ph|phn|phone|portable|preferred|primary|r[e\u00e9]s|"
    r"r[e\u00e9]sidence|sms|t[e\u00e9]l|t[e\u00e9]l[e\u00e9]fono|telefon|t[e\u00e9]l[e\u00e9]phone|"
    r"text|toll[ -]?free|trabajo|trav|travail|us|usa|voice|wireless|wk|work|[chmoptw])"
)
_NUMBER = r"(?:no(?=[.:#])|nr|num|number|num[e\u00e9]ro|n[\u00b0\u00ba])"
_LEADING_LABEL = re.compile(
    rf"\A(?:[(\[]?(?:{_LABEL}|{_NUMBER})(?: ?\d{{1,2}}(?= ?:)|(?![^\W_]))"
    r"[)\]]?[\s.:/#=\-]*)+(?=[+(\[\d])",
    re.IGNORECASE,
)
_TRAILING_LABEL = re.compile(
    rf"(?<=\d)(?:\s*\(\s*{_LABEL}\.?\s*\)|\s*\[\s*{_LABEL}\.?\s*\]"
    rf"|(?<=\d{{4}})\s*[,:\u2013\u2014/-]\s*{_LABEL}\.?|\s{_LABEL}\.?)\Z",
    re.IGNORECASE,
)
_EXTENSION_WORDS = re.compile(r"\b(?:poste|anexo|extn|durchwahl)\b", re.IGNORECASE)
_NO_EXTENSION = re.compile(
    r"(?<=[\d)])[\s,;]*(?:#|(?:\b|(?<=\d))(?:ext(?:ension|n)?|x|poste|anexo)\b[\s.:#=-]*"
    r"(?:n/?a|none|null|nil)?)\s*\Z|(?<=\d);ext=\Z",
    re.IGNORECASE,
)
# Commas between the groups of a number: thousands, or area code, exchange and line.
_GROUPS = re.compile(r"\+?\d{1,3}(?:,\d{3})+(?:,\d{4})?")
_INTERNATIONAL = re.compile(r"\A\(?\+?00[\s().-]*(?=[1-9])")
_STATES_COUNTRY = re.compile(r"\A[^\d]*(?:\+|\uff0b|\(?(?:00|011)[\s().-]*)[\s(]*[1-9]")


def plain(raw: str) -> str:
    """Remove what is invisible or means nothing: odd spaces, marks, colours, quotes, tags."""
    text = _TERMINAL_ESCAPE.sub("", raw)
    if not text.isascii():
        text = _FOOTNOTES.sub("", _TRADE_MARKS.sub("", _UNSEEN.sub("", mend(text))))
        text = _PICTURES.sub(" ", text)
        folded = unicodedata.normalize("NFKC", text)
        text = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    if "&" in text:
        text = unicodedata.normalize("NFKC", _ENTITY.sub(lambda one: html.unescape(one[0]), text))
    text = " ".join(text.split()).strip(_MARKS + " ")
    if (link := _LINK.search(text)) is not None:
        text = _dialled_and_shown(text, link)
    text = _TAG.sub(" ", text).strip(_MARKS + " ")
    formula = _FORMULA.fullmatch(text)
    return (formula[1] if formula else text).strip(_MARKS + " ")


def _dialled_and_shown(text: str, link: re.Match[str]) -> str:
    """Keep one of the two numbers of a link where they are the same; else both."""
    target, shown = (part for part in link.groups() if part is not None)
    if link[3] is not None:  # Markdown has them the other way round
        target, shown = shown, target
    target = unquote(target)
    digits = re.sub(r"\D", "", _TAG.sub(" ", shown))
    same = not digits or re.sub(r"\D", "", target)[-10:] == digits[-10:]
    return text[: link.start()] + (target if same else f"{target} / {shown}") + text[link.end() :]


def has_fraction(text: str) -> bool:
    """Return whether it is a number with decimals, which no phone has: `202555010.2`."""
    return _FRACTION.fullmatch(text) is not None


def exact(text: str) -> str | None:
    """Undo a spreadsheet's number formats; `None` where it has rounded digits away."""
    if (whole := _WHOLE_FLOAT.fullmatch(text)) is not None:
        return whole[1]
    if (scientific := _SCIENTIFIC.fullmatch(text)) is None:
        return text
    leading, decimals, exponent = scientific[1], scientific[2] or "", int(scientific[3])
    # Zeros left out at the end and digits rounded away look alike: nothing may be put back.
    return leading + decimals if len(decimals) == exponent else None


def dialled(text: str) -> str:
    """Keep what is dialled: remove a scheme or a label, and write `+` for the prefix `00`."""
    if (sip := _SIP.fullmatch(text)) is not None:
        text = sip[1]
    elif (scheme := _URI.match(text)) is not None:
        text = unquote(text[scheme.end() :]).partition("?")[0]
    text = _LEADING_LABEL.sub("", text)
    text = _TRAILING_LABEL.sub("", _NO_EXTENSION.sub("", text))
    text = _EXTENSION_WORDS.sub("ext", text.translate(_MIDDLE_DOTS))
    text = text.replace(",", "") if _GROUPS.fullmatch(text) else text
    return _INTERNATIONAL.sub("+", text)


def states_country(raw: str) -> bool:
    """Return whether the cell itself says the country, by a plus or an international prefix."""
    return _STATES_COUNTRY.match(raw) is not None
