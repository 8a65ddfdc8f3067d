"""What a job can be found by: search attributes where they are registered, and its memo."""

from __future__ import annotations

from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError

from sinch_hosting.temporal.plugin import SinchHostingPlugin
from sinch_hosting.temporal.starting import JOB_ATTRIBUTE, PLAN_ATTRIBUTE, start

from .jobs import job_of, until
from .server import TemporalServer

KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
TEXT = IndexedValueType.INDEXED_VALUE_TYPE_TEXT
Attributes = dict[str, "IndexedValueType.ValueType"]


async def _namespace(temporal: TemporalServer, attributes: Attributes) -> Client:
    """A client of a new namespace in which these search attributes are registered."""
    name = f"searched-{uuid4().hex[:8]}"
    admin = await temporal.client()
    kept = Duration(seconds=86_400)
    await admin.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
    )
    client = await Client.connect(temporal.address, namespace=name, plugins=[SinchHostingPlugin()])
    request = AddSearchAttributesRequest(namespace=name, search_attributes=attributes)

    async def is_known() -> bool:
        try:
            if attributes:
                await admin.operator_service.add_search_attributes(request)
            await client.count_workflows(f"{next(iter(attributes), 'WorkflowId')} = 'any'")
        except RPCError:  # the server reads its namespaces, and what they have, now and then
            return False
        return True

    await until(is_known)
    return client


async def _started(client: Client) -> tuple[str, WorkflowExecutionDescription]:
    """The name of a job that was started, and what Temporal says of it; no worker is needed."""
    given = job_of(service_plan_id="plan-7")
    handle = await start(client, "project", given)
    described = await handle.describe()
    await handle.terminate()
    return given.order.job, described


async def test_registered_attributes_find_a_job(temporal: TemporalServer) -> None:
    """By its name and by its plan, in the lists of Temporal."""
    client = await _namespace(temporal, {JOB_ATTRIBUTE.name: KEYWORD, PLAN_ATTRIBUTE.name: KEYWORD})
    job, described = await _started(client)
    assert described.typed_search_attributes[JOB_ATTRIBUTE] == job
    assert described.typed_search_attributes[PLAN_ATTRIBUTE] == "plan-7"
    query = f"{JOB_ATTRIBUTE.name} = '{job}' AND {PLAN_ATTRIBUTE.name} = 'plan-7'"

    async def is_found() -> bool:
        return [one.id async for one in client.list_workflows(query)] == [described.id]

    await until(is_found)


@pytest.mark.parametrize(
    ("registered", "used"),
    [({}, []), ({JOB_ATTRIBUTE.name: TEXT, PLAN_ATTRIBUTE.name: KEYWORD}, [PLAN_ATTRIBUTE.name])],
    ids=["none is registered", "one is registered otherwise"],
)
async def test_others_are_left_out(
    temporal: TemporalServer, registered: Attributes, used: list[str]
) -> None:
    """Temporal would refuse a job with them; the memo has both, wherever it starts."""
    job, described = await _started(await _namespace(temporal, registered))
    found = {pair.key.name for pair in described.typed_search_attributes}
    assert found & {JOB_ATTRIBUTE.name, PLAN_ATTRIBUTE.name} == {*used}
    assert await described.memo() == {"job": job, "service_plan_id": "plan-7"}
