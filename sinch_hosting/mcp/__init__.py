"""Tools for assistants that serve an operator: a server of the Model Context Protocol.

`sinch-hosting mcp` starts it; it needs the extra `[mcp]`. It only reads unless it was started
with `--allow-changes`. A tool that changes something takes the digest of a plan that was shown.

The modules:

- `server`: what is offered, and over which transports.
- `reading`: the tools that only read. `changing`: those that plan, and those that change.
- `wishes`: what can be asked for, what it would do, and how it is done.
- `plans`: plans that were shown; each is good once, for ten minutes.
- `answers`: what tools return; somebody else's texts are quoted and cut.
- `pages`: resources and prompts. `workplace`: the account and the machine.
"""

from .server import make_server, serve_http, serve_stdio
from .workplace import Workplace

__all__ = ["Workplace", "make_server", "serve_http", "serve_stdio"]
