"""Encrypts sensitive values where they are recorded: with AES-GCM, under the key in PENSTOCK_KEY."""

from __future__ import annotations

import binascii
import os
from typing import Any, Final

from penstock.errors import SettingsError
from penstock.processes.secrets import Sealed

VARIABLE: Final = "PENSTOCK_KEY"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_HOW: Final = 'python -c "import secrets; print(secrets.token_hex(32))"'


def seal(value: Any) -> Sealed:
    """Encrypt a value. Raises SettingsError without a key, CodecError for what cannot be stored at all."""
    from penstock.codecs import JsonCodec

    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + _cipher().encrypt(nonce, JsonCodec().encode(value).encode(), None)
    return Sealed(binascii.b2a_base64(sealed, newline=False).decode())


def unseal(sealed: Sealed, kind: Any) -> Any:
    """The value, whose type is `kind`. Raises SettingsError if it was sealed with another key."""
    from cryptography.exceptions import InvalidTag

    from penstock.codecs import JsonCodec

    data = binascii.a2b_base64(sealed.text)
    try:
        text = _cipher().decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None).decode()
    except InvalidTag:
        raise SettingsError(
            f"a sensitive value was sealed with another key than the one in {VARIABLE}, or was changed: set {VARIABLE}"
            " to the key that the run was started with"
        ) from None
    codec = JsonCodec()
    codec.learn(kind)
    return codec.decode(text)


def check_key(what: str) -> None:
    """Raise SettingsError, with the remedy, if a sensitive value could not be sealed here."""
    try:
        _cipher()
    except SettingsError as error:
        raise SettingsError(f"{what} is sensitive and would be recorded: {error}") from None


def _cipher() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise SettingsError(
            "values are encrypted with the package cryptography, which is not installed: pip install penstock[secure]"
        ) from None
    return AESGCM(_key())


def _key() -> bytes:
    said = os.environ.get(VARIABLE, "").strip()
    if not said:
        raise SettingsError(
            f"values are encrypted with the key in {VARIABLE}, which is not set: make one with {_HOW}, keep it, and set"
            f" {VARIABLE} to it; or let the run keep nothing (an ephemeral store)"
        )
    for read in (bytes.fromhex, binascii.a2b_base64):
        try:
            key = read(said)
        except ValueError:
            continue
        if len(key) == _KEY_BYTES:
            return key
    raise SettingsError(f"{VARIABLE} must be {_KEY_BYTES} bytes in hex or base64: make it with {_HOW}")
