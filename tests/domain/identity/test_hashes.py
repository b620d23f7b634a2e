"""Hashes that a site brings along. The samples were made by the library whose forms they have."""

from __future__ import annotations

import pytest

from nacre.identity import hashes

PASSWORD = "a tall tree, and ünïcode"
SAMPLES = {
    "bcrypt": "$2b$04$CaNJ58KFHsSRCcfUNR.afuOWmljBgrq9FD5ePWf9Mkj9cZ8nf6R/.",
    "bcrypt-sha256": "$bcrypt-sha256$v=2,t=2b,r=4$Zcii3eEq6EbMom7fEUm5xe$vJPxx9r7TFuUASfc13bD3F9EgiAxTOy",
    "bcrypt-sha256, first form": "$bcrypt-sha256$2b,4$cFBvKYdDmwVdlVD8Vrp8OO$tSz1qvdHqNPczmiZdvHMP2Dau9Hj6si",
    "scrypt": "$scrypt$ln=4,r=8,p=1$B8AYIwSAUMoZg3BOiRHCmA$IGua1F55adl7quj8Ki6JSW0klUBL4auGkyo6hReZimo",
    "pbkdf2-sha512": "$pbkdf2-sha512$50$PUfoPYcw5nzPGQNgrPWeMw$"
    ".5DRJp4.mZbs0vcW032Lrw28syEUXHmeok5mdgejyHgTeNJzqeY1E9vd.SgkHEmEG//4SNm7KIJPJjWajbL3HQ",
}
LONG = "$2b$04$NAJyZRIyag.KRSm816GOOOGg2ZylgbnR1WVLolPr8/JwcaDfbX2TS"


@pytest.mark.parametrize("form", SAMPLES)
def test_a_hash_of_every_form_knows_its_password_and_no_other(form: str):
    known = hashes.read(SAMPLES[form])

    assert not isinstance(known, hashes.Argon2)
    assert known.matches(PASSWORD.encode())
    assert not known.matches(PASSWORD.encode() + b"!")
    assert not known.matches(b"")


def test_bcrypt_reads_72_bytes_as_it_always_has():
    known = hashes.read(LONG)

    assert isinstance(known, hashes.Bcrypt)
    assert known.matches(b"x" * 100)
    assert known.matches(b"x" * 72)
    assert not known.matches(b"x" * 71)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "$",
        "$$",
        "$9$salt$digest",
        "$6$rounds=5000$salt$digest",
        "$2b$04$short",
        "$2b$03$CaNJ58KFHsSRCcfUNR.afuOWmljBgrq9FD5ePWf9Mkj9cZ8nf6R/.",
        "$2b$31$CaNJ58KFHsSRCcfUNR.afuOWmljBgrq9FD5ePWf9Mkj9cZ8nf6R/.",
        "$bcrypt-sha256$v=2,t=2b,4$Zcii3eEq6EbMom7fEUm5xe$vJPxx9r7TFuUASfc13bD3F9EgiAxTOy",
        "$scrypt$ln=30,r=8,p=1$B8AYIwSAUMoZg3BOiRHCmA$IGua1F55adl7quj8Ki6JSW0klUBL4auGkyo6hReZimo",
        "$scrypt$ln=0,r=8,p=1$B8AYIwSAUMoZg3BOiRHCmA$IGua1F55adl7quj8Ki6JSW0klUBL4auGkyo6hReZimo",
        "$scrypt$ln=4,r=8,p=1$$",
        "$scrypt$ln=4,r=8,p=1$B8AYIwSAUMoZg3BOiRHCmA",
        "$pbkdf2-sha512$0$PUfoPYcw5nzPGQNgrPWeMw$abcd",
        "$pbkdf2-sha512$99999999$PUfoPYcw5nzPGQNgrPWeMw$abcd",
        "$pbkdf2-sha512$50$not*base64$abcd",
        "$argon2id$nonsense",
        "$argon2id$v=19$m=99999999,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=64,t=99999,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "$2b$04$" + "x" * 10_000,
    ],
)
def test_what_cannot_be_read_or_costs_too_much_is_refused_without_being_repeated(text: str):
    with pytest.raises(hashes.Unreadable) as refused:
        hashes.read(text)

    assert not text or text not in str(refused.value)
