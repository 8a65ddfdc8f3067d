"""Who may send callbacks: the vendor's addresses, seen directly or behind your own proxies."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

from attrs import frozen

from ..errors import ConfigurationError

SENDER_ADDRESSES = ("54.76.19.159", "54.78.194.39", "54.155.83.128")
"""The addresses from which the vendor sends callbacks; allow them in your firewall."""

_Network: TypeAlias = IPv4Network | IPv6Network


@frozen
class Senders:
    """The senders that are allowed, and the proxies whose headers are used."""

    allowed: tuple[_Network, ...]
    proxies: tuple[_Network, ...]

    def why_not(self, peer: str | None, forwarded_for: str | None) -> str | None:
        """Return why a request is refused; `None` where it is allowed.

        Args:
            peer: the address at the other end of the connection.
            forwarded_for: the `X-Forwarded-For` headers, joined by commas, nearest proxy last.
        """
        if not self.allowed:
            return None
        if peer is None:
            return "the sender's address is not known: pass peer="
        sender = self._sender(peer, forwarded_for or "")
        if sender is None:
            return "the sender's address cannot be read"
        return None if _is_in(sender, self.allowed) else f"{sender} is not in allow_from"

    def _sender(self, peer: str, forwarded_for: str) -> IPv4Address | IPv6Address | None:
        """Return the address nearest to us that is none of the trusted proxies.

        Each proxy adds the address of its own sender at the end of the header. Everything before
        the nearest untrusted address may be invented, and is not read.
        """
        way = [peer, *reversed([hop for hop in forwarded_for.split(",") if hop.strip()])]
        address = None
        for hop in way:
            address = _read(hop)
            if address is None or not _is_in(address, self.proxies):
                break
        return address


def read_senders(allow_from: str | Iterable[str], trusted_proxies: str | Iterable[str]) -> Senders:
    """Read the two settings; raises `ConfigurationError` where they make no sense."""
    senders = Senders(
        _read_networks(allow_from, "allow_from"),
        _read_networks(trusted_proxies, "trusted_proxies"),
    )
    if senders.proxies and not senders.allowed:
        raise ConfigurationError(
            "trusted_proxies without allow_from checks nothing: give allow_from=SENDER_ADDRESSES"
        )
    return senders


def _read_networks(given: str | Iterable[str], name: str) -> tuple[_Network, ...]:
    found = []
    for text in (given,) if isinstance(given, str) else tuple(given):
        try:
            found.append(ip_network(text.strip()))
        except (ValueError, AttributeError) as error:
            raise ConfigurationError(
                f"{name}: {text!r} is neither an address nor a network such as '10.0.0.0/8' "
                f"({error})"
            ) from None
    return tuple(found)


def _read(hop: str) -> IPv4Address | IPv6Address | None:
    """Read an address, perhaps with brackets and a port; `None` for others such as `unknown`."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A server that listens on IPv6 sees IPv4 senders as ::ffff:a.b.c.d.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: IPv4Address | IPv6Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
