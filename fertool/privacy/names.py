"""The names file: real names behind pseudonyms, encrypted with a passphrase.

Tables and assessments never carry what is in it; names are joined when something is shown. The file is
JSON: the parameters of scrypt, which makes a key of the passphrase, and what AES-GCM made of the names.
AES-GCM also proves that nothing was changed, the parameters included.
"""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fertool import files
from fertool.errors import FertoolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
SCRYPT = {"n": 2**17, "r": 8, "p": 1}
"""128 MB and a third of a second for every guess, as OWASP's password storage sheet recommends."""
COSTLIEST = 2**20
"""A file that asks for more is broken or means harm."""


@dataclass(slots=True)
class Names:
    """(course, student) -> name."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def name(self, course: str, student: str) -> str | None:
        """The name of a student; None where none is known."""
        return self.known.get((course, student))

    def student(self, course: str, name: str) -> str | None:
        """The pseudonym of a name; the first one, should several students have it."""
        return next((s for (c, s), n in self.known.items() if (c, n) == (course, name)), None)

    def shown(self, course: str) -> dict[str, str]:
        """Student -> what to show instead: the name, with the pseudonym after it where two share a name."""
        here = {student: name for (where, student), name in self.known.items() if where == course}
        count = Counter(here.values())
        return {s: name if count[name] == 1 else f"{name} ({s})" for s, name in here.items()}


def load(path: Path, passphrase: str) -> Names:
    """Read a names file. Raises FertoolError if there is none, or for a wrong passphrase."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        box = json.loads(path.read_bytes())
        head = _head(box["scrypt"], box["salt"], box["nonce"], box["fertool_names"])
        secret = base64.b64decode(box["data"], validate=True)
        salt, nonce = (base64.b64decode(box[key], validate=True) for key in ("salt", "nonce"))
        cost = box["scrypt"]
        if box["fertool_names"] != FORMAT or cost != SCRYPT | {"n": min(cost["n"], COSTLIEST)}:
            raise ValueError("another format")
        key = _key(passphrase, salt, cost)
    except OSError as error:
        raise FertoolError(f"{path}: cannot be read: {error.strerror}", "give another --names") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FertoolError(f"{path}: is not a names file of fertool", "give another --names") from error
    try:
        text = AESGCM(key).decrypt(nonce, secret, head)
    except InvalidTag:
        what = f"{path}: the passphrase is not the one it was written with, or the file was changed"
        raise FertoolError(what, "check FERTOOL_PASSPHRASE") from None
    return Names({(course, student): name for course, student, name in json.loads(text)})


def save(names: Names, path: Path, passphrase: str) -> None:
    """Write a names file in the place of an older one, readable by its owner only, wholly or not at all."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not passphrase:
        raise FertoolError(f"{path}: expected a passphrase, got none", "set FERTOOL_PASSPHRASE")
    salt, nonce = os.urandom(16), os.urandom(12)
    plain = json.dumps([[*key, name] for key, name in sorted(names.known.items())], ensure_ascii=False)
    text_salt, text_nonce = (base64.b64encode(part).decode() for part in (salt, nonce))
    head = _head(SCRYPT, text_salt, text_nonce, FORMAT)
    secret = AESGCM(_key(passphrase, salt, SCRYPT)).encrypt(nonce, plain.encode(), head)
    box = {**json.loads(head), "data": base64.b64encode(secret).decode()}
    files.write(path, json.dumps(box, indent=1) + "\n")


def _head(scrypt: Mapping[str, Any], salt: str, nonce: str, number: int) -> bytes:
    """All of the file but the names, in the one form that AES-GCM vouches for."""
    head = {"fertool_names": number, "scrypt": dict(scrypt), "salt": salt, "nonce": nonce}
    return json.dumps(head, sort_keys=True).encode()


def _key(passphrase: str, salt: bytes, scrypt: Mapping[str, int]) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=scrypt["n"], r=scrypt["r"], p=scrypt["p"]).derive(
        passphrase.encode()
    )
