"""What a person typed as a code, in the one form that everything else looks at."""

from __future__ import annotations

import re
import unicodedata

from accounts.models.factor import ALPHABET, CODE_LENGTH, DIGITS
from accounts.models.invitation import CODE_LENGTH as INVITATION_LENGTH

# People copy codes with the spaces and dashes they were shown with.
_BETWEEN = re.compile(r"[\s\-\u00ad\u2010-\u2015\u2212\u200b-\u200d\u2060\ufeff.]+")
_SIX_DIGITS = re.compile(rf"[0-9]{{{DIGITS}}}")
_RECOVERY = re.compile(rf"[{ALPHABET}]{{{CODE_LENGTH}}}")
_INVITATION = re.compile(rf"[{ALPHABET}]{{{INVITATION_LENGTH}}}")
# Digits that are not in the alphabet are letters misread.
_MISREAD = str.maketrans("018", "OIB")


def app_code(text: str) -> str | None:
    """Six plain digits, or None. Digits of other scripts and widths are digits; a plus or an underscore is not."""
    bare = _BETWEEN.sub("", unicodedata.normalize("NFKC", text))
    digits = "".join(str(unicodedata.decimal(letter, "?")) for letter in bare)
    return digits if _SIX_DIGITS.fullmatch(digits) else None


def recovery_code(text: str) -> str | None:
    bare = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_MISREAD)
    return bare if _RECOVERY.fullmatch(bare) else None


def invitation_code(text: str) -> str | None:
    bare = _BETWEEN.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_MISREAD)
    return bare if _INVITATION.fullmatch(bare) else None


def spaced(code: str) -> str:
    """A recovery code or an invitation's as it is shown: in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
