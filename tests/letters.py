"""Letters that many tests send; the names in them are those of the vendor's examples."""

from __future__ import annotations

from sinch_hosting import Address, AuthorisedPerson, DirectLoa, ResellerLoa

PERSON = AuthorisedPerson(first_name="John", last_name="Smith", email="email@domain.com")
ADDRESS = Address(
    building_number="2433",
    street="Vesta Drive",
    city="Chicago",
    state="IL",
    postal_code="60647",
    country="US",
)
DIRECT = DirectLoa(authorised_person=PERSON, address=ADDRESS, current_voice_carrier="Verizon")
RESELLER = ResellerLoa(
    business_name="Acme, Inc.",
    authorised_person=PERSON,
    address=ADDRESS,
    current_voice_carrier="Verizon",
)
