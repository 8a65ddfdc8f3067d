"""Callbacks that wake jobs on a real Temporal server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestServer
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from sinch_hosting import CallbackEvent, CallbackReceiver, SinchHosting
from sinch_hosting.callbacks import DeliverAgain
from sinch_hosting.sandbox import Sandbox
from sinch_hosting.temporal.files import References
from sinch_hosting.temporal.forwarding import SIGNAL, CallbackForwarder, forward_callbacks
from sinch_hosting.temporal.hosting_job import HostingJob
from sinch_hosting.temporal.plugin import SinchHostingPlugin
from sinch_hosting.temporal.starting import start, workflow_id

from ..service import Service, delay
from ..service import error as http_error
from .jobs import Files, environment, job_of, until, working
from .server import PATIENCE, TemporalServer

QUEUE, SECRET = "woken", "signs-what-the-sandbox-sends"


@workflow.defn(name="test.Woken")
class Woken:
    """Counts how often it was woken."""

    def __init__(self) -> None:
        self.count = 0

    @workflow.run
    async def run(self) -> None:
        """Go on for ever."""
        await workflow.wait_condition(lambda: False)

    @workflow.signal(name=SIGNAL)
    def wake(self) -> None:
        """Count it."""
        self.count += 1

    @workflow.query
    def woken(self) -> int:
        """How often."""
        return self.count


Handles = dict[str, WorkflowHandle[Any, Any]]


@pytest.fixture
async def client(temporal: TemporalServer) -> AsyncIterator[Client]:
    """A client, beside a worker that serves `Woken`."""
    connected = await temporal.client()
    runner = UnsandboxedWorkflowRunner()
    async with Worker(connected, task_queue=QUEUE, workflows=[Woken], workflow_runner=runner):
        yield connected


@pytest.fixture
async def of_service(service: Service) -> AsyncIterator[SinchHosting]:
    """A client of a project that no other test has."""
    service.store.project_id = f"project-{uuid4().hex[:8]}"
    async with SinchHosting(**service.client_arguments) as client:
        yield client


@pytest.fixture
async def jobs(client: Client, service: Service) -> AsyncIterator[Handles]:
    """Three jobs that run: of this project, an onboarding of it, and of another project."""
    ids = {name: workflow_id(service.project_id, name) for name in ("acme", "onboarding")}
    ids["other"] = workflow_id(f"other-{uuid4().hex[:8]}", "acme")
    handles: Handles = {
        name: await client.start_workflow(Woken.run, id=id_, task_queue=QUEUE)
        for name, id_ in ids.items()
    }
    yield handles
    for handle in handles.values():
        await handle.terminate()


async def counts(jobs: Handles) -> dict[str, int]:
    """How often each was woken."""
    return {name: await handle.query(Woken.woken) for name, handle in jobs.items()}


def about(resource_id: str) -> CallbackEvent:
    """An event about an order or a number."""
    return CallbackEvent(event_id=uuid4().hex, resource_id=resource_id)


def order_of(service: Service, job: str) -> str:
    """The id of an order that a job created."""
    tag = f"{job}/0.1/k3vq27mmbdtya4ah6e"
    return str(service.add_orders(1, type="TYPE_TEXT_ENABLE", display_name=tag)[0].id)


async def test_an_order_wakes_its_job_alone(
    client: Client, of_service: SinchHosting, service: Service, jobs: Handles
) -> None:
    """Found by its tag, also as the group of an onboarding; it is read once."""
    forwarder = CallbackForwarder(client, of_service)
    order = order_of(service, "acme")
    await forwarder(about(order))
    await forwarder(about(order))
    assert await counts(jobs) == {"acme": 2, "onboarding": 0, "other": 0}
    assert service.counts["GetHostingOrder"] == 1
    await forwarder(about(order_of(service, "onboarding.k3vq27")))
    await forwarder(about(order_of(service, "nobody")))
    await forwarder(about(str(service.add_orders(1, display_name="by hand")[0].id)))
    assert await counts(jobs) == {"acme": 2, "onboarding": 1, "other": 0}


@pytest.mark.parametrize("unknown", ["+13035550100", "13035550100", "01absent", "no/id"])
async def test_what_belongs_to_no_order_wakes_the_project(
    client: Client, of_service: SinchHosting, jobs: Handles, unknown: str
) -> None:
    """No object tells to which order a number belongs."""
    forwarder = CallbackForwarder(client, of_service)

    async def are_listed() -> bool:
        await forwarder(about(unknown))
        now = await counts(jobs)
        return now["acme"] > 0 and now["onboarding"] > 0

    await until(are_listed)  # the lists of Temporal lag
    assert (await counts(jobs))["other"] == 0


class HeldClient:
    """Passes signals on to a client, once they are let go."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._handle: WorkflowHandle[Any, Any] | None = None
        self.came = 0
        self.has_come, self.go = asyncio.Event(), asyncio.Event()

    def get_workflow_handle(self, workflow_id: str) -> HeldClient:
        """A handle that holds signals."""
        self._handle = self._client.get_workflow_handle(workflow_id)
        return self

    async def signal(self, name: str, **options: Any) -> None:
        """Signal, once it may."""
        assert self._handle is not None
        self.came += 1
        self.has_come.set()
        await self.go.wait()
        await self._handle.signal(name, **options)


async def held_signal(
    client: Client, of_service: SinchHosting, service: Service
) -> tuple[HeldClient, Callable[[], Coroutine[Any, Any, None]], asyncio.Task[None]]:
    """A client whose signals wait, what forwards an event about an order, and the first such."""
    held = HeldClient(client)
    forwarder = CallbackForwarder(cast("Client", held), of_service)
    order = order_of(service, "acme")
    await forwarder._jobs_of(order)
    first = asyncio.create_task(forwarder(about(order)))
    await held.has_come.wait()
    return held, lambda: forwarder(about(order)), first


async def test_events_share_the_next_signal(
    client: Client, of_service: SinchHosting, service: Service, jobs: Handles
) -> None:
    """Those that come while one is under way need another: it may have been too early."""
    held, forward, first = await held_signal(client, of_service, service)
    others = [asyncio.create_task(forward()) for _ in range(30)]
    await asyncio.sleep(0)
    assert held.came == 1
    held.go.set()
    await asyncio.gather(first, *others)
    assert (held.came, (await counts(jobs))["acme"]) == (2, 2)


async def test_a_cancelled_event_leaves_the_others(
    client: Client, of_service: SinchHosting, service: Service, jobs: Handles
) -> None:
    """The next one of those that wait sends the signal."""
    held, forward, first = await held_signal(client, of_service, service)
    second = asyncio.create_task(forward())
    await asyncio.sleep(0)
    first.cancel()
    held.go.set()
    await second
    assert first.cancelled()
    assert (held.came, (await counts(jobs))["acme"]) == (2, 1)


async def test_an_order_that_cannot_be_read_comes_again(
    client: Client, of_service: SinchHosting, service: Service, jobs: Handles
) -> None:
    """Whose order it is may be known at the next delivery."""
    forwarder = CallbackForwarder(client, of_service)
    order = order_of(service, "acme")
    service.fault("GetHostingOrder", http_error(403), times=1)
    with pytest.raises(DeliverAgain, match=f"order {order} cannot be read"):
        await forwarder(about(order))
    await forwarder(about(order))
    assert (await counts(jobs))["acme"] == 1


async def test_a_wrong_namespace_is_an_error(
    temporal: TemporalServer, of_service: SinchHosting, service: Service
) -> None:
    """It is not the same as a job that has ended."""
    wrong = await Client.connect(temporal.address, namespace="absent")
    forwarder = CallbackForwarder(wrong, of_service)
    with pytest.raises(DeliverAgain, match="absent"):
        await forwarder(about(order_of(service, "acme")))
    with pytest.raises(DeliverAgain, match="absent"):
        await forwarder(about("+13035550100"))


async def test_no_event_is_lost_while_temporal_is_away(
    temporal: TemporalServer,
    client: Client,
    of_service: SinchHosting,
    service: Service,
    jobs: Handles,
) -> None:
    """503 while its server is away; the next delivery of the same event is 200, and has woken."""
    order = order_of(service, "acme")
    async with CallbackReceiver(service.store.secret) as receiver:
        forward_callbacks(receiver, client, of_service)
        async with TestServer(receiver.app()) as server:
            url = str(server.make_url("/"))
            temporal.kill()
            told = {"resourceId": order, "eventId": "the-same"}
            assert await service.send_callback(url, **told) == 503
            temporal.start()
            await temporal.client()
            statuses: list[int] = []

            async def is_taken() -> bool:
                statuses.append(await service.send_callback(url, **told))
                return statuses[-1] == 200

            await until(is_taken)
            assert {*statuses[:-1]} <= {503}
            assert await service.send_callback(url, **told) == 200
            assert await service.send_callback(url, secret="wrong", **told) == 401

            async def is_woken() -> bool:
                try:
                    return bool((await counts(jobs))["acme"])
                except RPCError:  # its worker has to find the server again, too
                    return False

            await until(is_woken)


@pytest.mark.sinch_sandbox(speed=0)
async def test_from_the_sandbox_to_the_end_of_a_job(
    temporal: TemporalServer, files: Files, sinch: SinchHosting, sinch_sandbox: Sandbox
) -> None:
    """Its signed callbacks end a job that would look once an hour by itself."""
    files.write(10)
    sinch_sandbox.change_rules(unqualified=200)
    await sinch.callback_configuration.update(hmac_secret=SECRET)
    async with CallbackReceiver(SECRET) as receiver, TestServer(receiver.app()) as server:
        url = str(server.make_url("/"))
        given = job_of(every=3600.0, lease=150.0, callback_url=url)
        plugin = SinchHostingPlugin(sinch, references=References(files.folder))
        client = await temporal.client(plugin)
        forward_callbacks(receiver, client, sinch)
        async with Worker(client, task_queue=given.order.job):
            project = sinch_sandbox.environ["SINCH_PROJECT_ID"]
            handle = await start(client, project, given, task_queue=given.order.job)

            async def is_watching() -> bool:
                return bool((await handle.query(HostingJob.progress)).states)

            await until(is_watching)
            await sinch_sandbox.pass_time(days=3)
            async with asyncio.timeout(PATIENCE):
                report = await handle.result()
        history = (await handle.fetch_history()).to_json()
    assert report.states == {"COMPLETED": 2}
    assert {record.state for record in sinch_sandbox.callbacks} <= {"delivered", "pending"}
    assert SIGNAL in history
    assert "303555" not in history


async def test_a_storm_of_events_leaves_time_to_look(
    temporal: TemporalServer, files: Files, service: Service
) -> None:
    """A look that has begun is not cut off by the next event, and not begun for each of them."""
    files.write(10)
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED")]
    given = job_of(every=3600.0)
    async with working(temporal, service, files, given.order.job):
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=given.order.job)

        async def states() -> dict[str, int]:
            return (await handle.query(HostingJob.progress)).states

        async def is_watching() -> bool:
            return bool(await states())

        await until(is_watching)
        service.fault("ListHostingOrders", delay(0.1), times=None)
        service.set_state(list(service.store.orders.values()), "COMPLETED")
        before = service.counts["ListHostingOrders"]

        async def send() -> None:
            while True:
                await handle.signal(SIGNAL)
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(send())
        async with asyncio.timeout(PATIENCE):
            report = await handle.result()
        sending.cancel()
        await asyncio.wait([sending])
    assert report.states == {"COMPLETED": 2}
    looks = 6  # requests for each of them
    assert service.counts["ListHostingOrders"] - before <= 4 * looks


async def test_the_command_forwards(
    temporal: TemporalServer,
    service: Service,
    files: Files,
    of_service: SinchHosting,
    jobs: Handles,
    tmp_path: Path,
) -> None:
    """`callbacks listen --forward-to-temporal` says where it listens, and wakes a job."""
    secrets = tmp_path / "secrets"
    secrets.write_text(service.store.secret + "\n")
    line = ["callbacks", "listen", "--port", "0", "--secret-file", str(secrets)]
    told = environment(temporal, service, files, QUEUE)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sinch_hosting", *line, "--forward-to-temporal"),
        env={**os.environ, **told},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        ready = (await process.stderr.readline()).decode()
        url = ready.removeprefix("ready: ").strip()
        order = order_of(service, "acme")
        assert await service.send_callback(url, resourceId=order) == 200
        assert (await counts(jobs))["acme"] == 1
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
