"""A FastAPI service that imports numbers, and learns from callbacks what became of them.

Run it with `uvicorn fastapi_service:app`. It needs the credentials (`SINCH_...`),
SINCH_CALLBACK_SECRET, and in PUBLIC_URL the address at which the internet reaches it.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, Response

from sinch_hosting import CallbackEvent, CallbackReceiver, InvalidRequest, SinchHosting


async def tell(event: CallbackEvent) -> None:
    """Tell what a callback says."""
    print(event.resource_id, event.event_type, event.status, event.failure or "")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the client and the receiver with the application, and close them with it."""
    secret = os.environ["SINCH_CALLBACK_SECRET"]
    async with (
        SinchHosting.from_env() as sinch,
        CallbackReceiver(secret, sinch=sinch, handlers=[tell]) as receiver,
    ):
        app.state.sinch, app.state.receiver = sinch, receiver
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/imports")
async def import_numbers(numbers: list[str], request: Request) -> dict[str, str]:
    """Create an order."""
    public = os.environ.get("PUBLIC_URL", str(request.base_url).rstrip("/"))
    try:
        order = await request.app.state.sinch.hosting_orders.import_numbers(
            numbers,
            region_code="US",
            service_plan_id="plan",
            campaign_id="campaign",
            callback_url=f"{public}/sinch",
        )
    except InvalidRequest as error:
        raise HTTPException(400, str(error)) from None
    return {"id": order.hosting_order_id, "state": order.state.name}


@app.post("/sinch")
async def callback(request: Request) -> Response:
    """Take a callback."""
    body, signature = await request.body(), request.headers.get("X-Sinch-Signature")
    answer = await request.app.state.receiver.receive(body, signature)
    return Response(answer.text, answer.status, answer.headers)
