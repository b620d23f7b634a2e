"""What ports are called in the domain name system."""

from __future__ import annotations

import ipaddress

import msgspec

SITE_DOMAIN = "novalocal"
"""The domain of names on networks that have none of their own."""


class DnsAssignment(msgspec.Struct, frozen=True):
    """What one address of a port is called."""

    ip_address: str
    hostname: str
    fqdn: str


def qualified(name: str, *domains: str) -> str:
    """A name in the first of the domains that is one, or in the site's. One that ends with a dot is whole already."""
    return name if name.endswith(".") else f"{name}.{_domain_of(domains)}."


def _domain_of(domains: tuple[str, ...]) -> str:
    """The first that is one, or the site's, without its last dot."""
    for domain in domains:
        if domain:
            return domain.rstrip(".")
    return SITE_DOMAIN


def assignments(name: str, addresses: tuple[str, ...], *domains: str) -> list[DnsAssignment]:
    """What each address is called: by the port's name, or if it has none by the address itself."""
    if name:
        whole = qualified(name, *domains)
        host = name.split(".", 1)[0] if name.endswith(".") else name
        return [DnsAssignment(address, host, whole) for address in addresses]
    domain = _domain_of(domains)
    hosts = [f"host-{address.replace('.', '-').replace(':', '-')}" for address in addresses]
    return [
        DnsAssignment(address, host, f"{host}.{domain}.")
        for address, host in zip(addresses, hosts, strict=True)
    ]


def records(name: str, addresses: tuple[str, ...], *domains: str) -> dict[str, str]:
    """What others are told who ask for the name, with its domain or without, and for one of the addresses.

    It is known in the site's domain too, in which guests look for names without one.
    """
    if not name or not addresses:
        return {}
    whole = qualified(name, *domains).rstrip(".").lower()
    names = (whole, qualified(name).rstrip(".").lower(), name.rstrip(".").lower())
    known = dict.fromkeys(names, " ".join(addresses))
    return known | {ipaddress.ip_address(address).reverse_pointer: whole for address in addresses}
