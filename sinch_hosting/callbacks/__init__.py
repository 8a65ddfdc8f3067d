"""Callbacks: signatures over the raw body, the typed event inside it, and what receives it.

`sign`, `verify` and `parse` are plain functions; `CallbackReceiver` is what a web server mounts.

| module | what it holds |
|---|---|
| `signatures` | `sign`, `verify`, `parse`, and what a signature that does not fit looks like |
| `senders` | `SENDER_ADDRESSES`, and who may send |
| `seen` | which events came before |
| `handlers` | the calls of handlers on one event loop |
| `responses` | the answers to callbacks |
| `receiver` | `CallbackReceiver`, over all of them |
"""

from ..models import CallbackEvent
from .handlers import DeliverAgain, Handler
from .receiver import CallbackReceiver, Notified
from .responses import CallbackResponse
from .seen import RecentEvents, SeenEvents
from .senders import SENDER_ADDRESSES
from .signatures import SIGNATURE_HEADER, parse, sign, verify

__all__ = [
    "SENDER_ADDRESSES",
    "SIGNATURE_HEADER",
    "CallbackEvent",
    "CallbackReceiver",
    "CallbackResponse",
    "DeliverAgain",
    "Handler",
    "Notified",
    "RecentEvents",
    "SeenEvents",
    "parse",
    "sign",
    "verify",
]
