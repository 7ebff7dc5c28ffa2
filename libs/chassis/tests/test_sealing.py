"""Sealed values: they open for their own session and key, and for nobody else."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chassis import sealing

KEYS = st.binary(min_size=sealing.KEY_BYTES, max_size=sealing.KEY_BYTES)
SESSIONS = st.text(max_size=40)


@given(KEYS, SESSIONS, st.binary(max_size=300))
def test_what_was_sealed_opens_and_shows_nothing(key, session_id, plain):
    sealed = sealing.seal(key, session_id, plain)
    assert sealing.unseal(key, session_id, sealed) == plain
    assert len(plain) < 4 or plain not in sealed


@given(KEYS, SESSIONS, st.text(max_size=100))
def test_text_survives_as_text(key, session_id, plain):
    sealed = sealing.seal_text(key, session_id, plain)
    assert sealed.isascii()
    assert sealing.unseal_text(key, session_id, sealed) == plain


@given(KEYS, KEYS, SESSIONS, SESSIONS)
def test_another_key_or_session_opens_nothing(key, other_key, session_id, other_session):
    assume(key != other_key)
    assume(session_id != other_session)
    sealed = sealing.seal(key, session_id, b"4")
    with pytest.raises(sealing.SealError):
        sealing.unseal(other_key, session_id, sealed)
    with pytest.raises(sealing.SealError):
        sealing.unseal(key, other_session, sealed)


@given(st.data(), KEYS, st.binary(max_size=40))
def test_a_changed_bit_is_found(data, key, plain):
    sealed = bytearray(sealing.seal(key, "s", plain))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(sealing.SealError):
        sealing.unseal(key, "s", bytes(sealed))


@given(KEYS, st.binary(max_size=64), st.text(max_size=64))
def test_what_was_never_sealed_does_not_open(key, garbage, text):
    with pytest.raises(sealing.SealError):
        sealing.unseal(key, "s", garbage)
    with pytest.raises(sealing.SealError):
        sealing.unseal_text(key, "s", text)


def test_the_same_value_never_looks_the_same():
    key = sealing.new_key()
    assert len({sealing.seal(key, "s", b"7") for _ in range(100)}) == 100


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(size):
    with pytest.raises(ValueError, match="32 bytes"):
        sealing.seal(b"k" * size, "s", b"")
    with pytest.raises(ValueError, match="32 bytes"):
        sealing.unseal(b"k" * size, "s", b"")
