"""An aiohttp service that imports numbers, and learns from callbacks what became of them.

It needs the credentials (`SINCH_...`), SINCH_CALLBACK_SECRET, and in PUBLIC_URL its address.
"""

import os
from collections.abc import AsyncIterator

from aiohttp import web

from sinch_hosting import CallbackEvent, CallbackReceiver, InvalidRequest, SinchHosting

SINCH = web.AppKey("SINCH", SinchHosting)


async def tell(event: CallbackEvent) -> None:
    """Tell what a callback says."""
    print(event.resource_id, event.event_type, event.status, event.failure or "")


async def import_numbers(request: web.Request) -> web.Response:
    """`POST /imports` with a JSON list of numbers: create an order."""
    public = os.environ.get("PUBLIC_URL", str(request.url.origin()))
    try:
        order = await request.app[SINCH].hosting_orders.import_numbers(
            await request.json(),
            region_code="US",
            service_plan_id=os.environ.get("SERVICE_PLAN_ID", "plan"),
            campaign_id=os.environ.get("CAMPAIGN_ID", "campaign"),
            callback_url=f"{public}/sinch",
        )
    except InvalidRequest as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response({"id": order.hosting_order_id, "state": order.state.name})


def make_app() -> web.Application:
    """Build the application; nothing is opened before it starts."""
    app = web.Application()
    app[SINCH] = SinchHosting.from_env()
    secret = os.environ["SINCH_CALLBACK_SECRET"]
    receiver = CallbackReceiver(secret, sinch=app[SINCH], handlers=[tell])

    async def run_client(app: web.Application) -> AsyncIterator[None]:
        async with app[SINCH], receiver:  # the receiver ends first: handlers may use the client
            yield

    app.cleanup_ctx.append(run_client)
    app.router.add_post("/sinch", receiver.handle)
    app.router.add_post("/imports", import_numbers)
    return app


if __name__ == "__main__":
    web.run_app(make_app())
