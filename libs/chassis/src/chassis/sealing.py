"""What only the holder of a session's key may read: AES-256-GCM, bound to its session.

A sealed value is one byte of format, twelve of nonce, then ciphertext and tag; the session's id is authenticated with
it, so a value moved to another session does not open. Nonces are random, which is safe for 2^32 values of one key
(NIST SP 800-38D, 8.3): far more than a session has.
"""

import os
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class SealError(Exception):
    """A value that does not open: another key or session, changed on its way, or none that was ever sealed."""


def new_key() -> bytes:
    """Return a key for a session."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, session_id: str, plain: bytes) -> bytes:
    """Seal a value for a session. The length of `plain` can be seen from outside.

    Raises:
        ValueError: the key has not KEY_BYTES bytes.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + _cipher(key).encrypt(nonce, plain, session_id.encode())


def unseal(key: bytes, session_id: str, sealed: bytes) -> bytes:
    """Open what `seal` made.

    Raises:
        SealError: it does not open.
        ValueError: the key has not KEY_BYTES bytes.
    """
    cipher = _cipher(key)
    if sealed[:1] != _FORMAT or len(sealed) < len(_FORMAT) + _NONCE_BYTES + _TAG_BYTES:
        raise SealError("not a sealed value")
    nonce, ciphertext = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, ciphertext, session_id.encode())
    except InvalidTag:
        raise SealError("another key or session, or a changed value") from None


def seal_text(key: bytes, session_id: str, plain: str) -> str:
    """Seal a text, as base64, for places that hold text. Raises ValueError as `seal` does."""
    return b2a_base64(seal(key, session_id, plain.encode()), newline=False).decode()


def unseal_text(key: bytes, session_id: str, sealed: str) -> str:
    """Open what `seal_text` made. Raises SealError and ValueError as `unseal` does."""
    try:
        data = a2b_base64(sealed, strict_mode=True)
    except (Base64Error, ValueError):
        raise SealError("not a sealed value") from None
    return unseal(key, session_id, data).decode()


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    return AESGCM(key)
