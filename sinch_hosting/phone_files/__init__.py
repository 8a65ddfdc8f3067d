"""Reading phone numbers from the files in which people keep them.

`read_phone_file` takes what spreadsheets, telephone systems and address books export (CSV in
any of the usual encodings, workbooks, contact cards) and returns a `PhoneSheet`: one
`PhoneRecord` for every row, with the number in E.164 where the row holds a US or Canadian
number that can be text-enabled, and with a reason where it does not. No row is dropped:
accepted, duplicate, rejected and blank records add up to the rows of the file. Where it is not
sure whose number a cell holds, it rejects the number: a letter of authorization that names a
stranger's number is worse than none.

It needs the `[files]` extra: `phonenumbers` reads the numbers, `python-calamine` the workbooks.

The modules, from a file to its records:

- `sheet`: the functions that are public, and the order of the steps.
- `formats`: files that are no table, by their first bytes. `vcards`, `workbooks`: two kinds of
  files that are read though they are no text with delimiters.
- `encodings`, `delimited`: from bytes to rows. `text_repair`: text that was encoded twice.
- `layout`: where the numbers are, row by row. `header_row`: where the table begins. `columns`:
  which column it is. `headers`, `vocabulary`: what a header's words mean.
- `companions`, `countries`: what the columns beside it say.
- `cells`, `notation`, `numbering`: what one cell holds, and what the numbering plan makes of it.
- `records`: what comes out.
"""

from .numbering import NumberKind, Region
from .records import PhoneFileError, PhoneRecord, PhoneSheet, RecordOutcome
from .sheet import iter_phone_file, read_phone_bytes, read_phone_file

__all__ = [
    "NumberKind",
    "PhoneFileError",
    "PhoneRecord",
    "PhoneSheet",
    "RecordOutcome",
    "Region",
    "iter_phone_file",
    "read_phone_bytes",
    "read_phone_file",
]
