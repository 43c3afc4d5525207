"""Readers of the notations in which platforms write days, instants, amounts, texts, document numbers, codes and names.

- Every reader is exact: a value is read with certainty, or refused by `NotationError` with the name of its fault. Nothing is
  guessed, repaired or rounded.
- Full-width digits and punctuation are folded, and blanks around a value are dropped, before reading; other compatibility
  characters (①, ², ½) and digits of other scripts are not digits.
- Traditional characters count as simplified ones, and pinyin behind a character is no part of the text (han.py). What is
  printed stays as supplied.
"""

from __future__ import annotations

from adapters.sdk.errors import NotationError as NotationError
from adapters.sdk.errors import NotationFault as NotationFault
from adapters.sdk.notation.amounts import read_amount as read_amount
from adapters.sdk.notation.codes import code_candidates as code_candidates
from adapters.sdk.notation.codes import is_registration_number as is_registration_number
from adapters.sdk.notation.codes import read_unified_code as read_unified_code
from adapters.sdk.notation.days import FIRST_YEAR as FIRST_YEAR
from adapters.sdk.notation.days import LAST_YEAR as LAST_YEAR
from adapters.sdk.notation.days import read_china_timestamp as read_china_timestamp
from adapters.sdk.notation.days import read_compact_date as read_compact_date
from adapters.sdk.notation.days import read_day as read_day
from adapters.sdk.notation.days import read_epoch_millis as read_epoch_millis
from adapters.sdk.notation.days import read_epoch_seconds as read_epoch_seconds
from adapters.sdk.notation.days import read_epoch_timestamp as read_epoch_timestamp
from adapters.sdk.notation.days import read_iso_date as read_iso_date
from adapters.sdk.notation.days import read_slash_date as read_slash_date
from adapters.sdk.notation.days import read_timestamp as read_timestamp
from adapters.sdk.notation.document_numbers import document_number_fault as document_number_fault
from adapters.sdk.notation.document_numbers import normalise_document_number as normalise_document_number
from adapters.sdk.notation.document_numbers import read_document_number as read_document_number
from adapters.sdk.notation.folding import fold_width as fold_width
from adapters.sdk.notation.found_amounts import FoundAmount as FoundAmount
from adapters.sdk.notation.found_amounts import find_amounts as find_amounts
from adapters.sdk.notation.han import simplified as simplified
from adapters.sdk.notation.han import without_glosses as without_glosses
from adapters.sdk.notation.names import fold_name as fold_name
from adapters.sdk.notation.names import is_masked_name as is_masked_name
from adapters.sdk.notation.names import name_spellings as name_spellings
from adapters.sdk.notation.texts import read_code as read_code
from adapters.sdk.notation.texts import read_text as read_text
