"""Starts jobs on Temporal, and finds them again by project and name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from .._bulk.tags import check_job
from .._session.requests import TEXT_ENABLE_LIMIT
from ..errors import ConfigurationError, InvalidRequest, JobChanged, TransportError
from ..models._checks import check_positive, check_seconds, check_url, optional
from .messages import (
    MOST_PENDING,
    NUMBERS_A_PAGE,
    JobInput,
    OnboardInput,
    Progress,
    TextEnableInput,
)
from .plugin import TASK_QUEUE, SinchHostingPlugin

Handle = WorkflowHandle[Any, Progress]
"""The handle of a job of any kind."""
JOB_ATTRIBUTE = SearchAttributeKey.for_keyword("SinchHostingJob")
PLAN_ATTRIBUTE = SearchAttributeKey.for_keyword("SinchHostingPlan")
_LONGEST = 400 * 86_400.0


async def connect(plugin: SinchHostingPlugin | None = None, *, lazy: bool = False) -> Client:
    """Connect to Temporal as its own configuration says.

    That is `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_...`,
    `TEMPORAL_PROFILE`, and its file `temporal.toml`.

    Raises:
        ConfigurationError: The configuration makes no sense.
        TransportError: The server is not reached.
    """
    try:
        settings = ClientConfig.load_client_connect_config()
    except RuntimeError as error:
        raise ConfigurationError(f"the configuration of Temporal: {error}") from error
    address = settings.setdefault("target_host", "localhost:7233")
    try:
        return await Client.connect(**settings, plugins=[plugin or SinchHostingPlugin()], lazy=lazy)
    except RuntimeError as error:
        raise TransportError(
            f"Temporal at {address} is not reached: {error}. Set TEMPORAL_ADDRESS, "
            "or start one: temporal server start-dev",
            never_sent=True,
        ) from error


def workflow_id(project_id: str, job: str) -> str:
    """Return the id of a job's workflow: one job of a name in each project."""
    return f"sinch-hosting/{project_id}/{check_job(job)}"


async def start(
    client: Client,
    project_id: str,
    given: TextEnableInput | OnboardInput,
    *,
    task_queue: str = TASK_QUEUE,
) -> Handle:
    """Start a job; safe to repeat, since a name is used once.

    Args:
        client: A client of Temporal with `SinchHostingPlugin`.
        project_id: The project of the account.
        given: What is to be done: `TextEnableInput` for numbers that may be text-enabled now,
            `OnboardInput` for numbers from anywhere.
        task_queue: The task queue of the workers.

    Returns:
        The handle of its workflow.

    Raises:
        InvalidRequest: An argument breaks a rule.
        JobChanged: There is a job of that name; nothing was started.
        TransportError: Temporal refused it, or did not answer: it may have been started.
    """
    check_input(given)
    order, is_onboarding = given.order, isinstance(given, OnboardInput)
    try:
        return await client.start_workflow(
            "sinch_hosting.OnboardJob" if is_onboarding else "sinch_hosting.TextEnableJob",
            given,
            id=workflow_id(project_id, order.job),
            task_queue=task_queue,
            result_type=Progress,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={"job": order.job, "service_plan_id": order.service_plan_id},
            search_attributes=await _attributes(client, given),
        )
    except WorkflowAlreadyStartedError:
        rule = "is there already; see `sinch-hosting jobs status`, or take another name"
        raise JobChanged(field="job", value=order.job, rule=rule) from None
    except RPCError as error:
        raise TransportError(
            f"Temporal did not start the job: {error.message}. Check TEMPORAL_ADDRESS and "
            f"TEMPORAL_NAMESPACE ({client.namespace}), and start it again",
            never_sent=False,
        ) from error


def check_input(given: JobInput) -> None:
    """Raise `InvalidRequest` for what no job can be done with; nothing is asked of the server."""
    order = given.order
    bounds = {
        "chunk_size": (order.chunk_size, TEXT_ENABLE_LIMIT),
        "most_pending": (given.most_pending, MOST_PENDING),
    }
    spans = {"settle": order.settle, "grace": order.grace, "every": given.every}
    spans["lease"] = given.lease
    check_positive(given.every, "every")
    check_positive(given.lease, "lease")
    optional(order.callback_url, check_url, "callback_url")
    if isinstance(given, OnboardInput):
        bounds["page_size"] = given.page_size, NUMBERS_A_PAGE
        spans["readiness_window"] = given.readiness_window
        if given.ready_at not in ("eligible", "verified"):
            rule = "must be 'eligible' or 'verified'"
            raise InvalidRequest(field="ready_at", value=given.ready_at, rule=rule)
    for name, (value, most) in bounds.items():
        if not 0 < value <= most:
            raise InvalidRequest(field=name, value=value, rule=f"must be 1 to {most}")
    for name, seconds in spans.items():
        if check_seconds(seconds, name) > _LONGEST:
            raise InvalidRequest(field=name, value=seconds, rule="must be 400 days at most")


def find(client: Client, project_id: str, job: str) -> Handle:
    """Return the handle of a job that was started; nothing is asked of the server."""
    return client.get_workflow_handle(workflow_id(project_id, job), result_type=Progress)


@asynccontextmanager
async def found(project_id: str, job: str) -> AsyncIterator[Handle]:
    """Connect, and give the handle of a job for a block; what fails in it is told plainly.

    Raises:
        InvalidRequest: There is no such job, it has ended where it is to be changed, or it takes
            no such order.
        TransportError: Temporal is not reached, or no worker answers.
    """
    client = await connect()
    try:
        yield find(client, project_id, job)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            rule = (
                f"there is no such job of project {project_id} on Temporal, namespace "
                f"{client.namespace}, or it has ended"
            )
            raise InvalidRequest(field="job", value=job, rule=rule) from error
        raise TransportError(
            f"Temporal did not answer: {error.message}. Is a worker running? Start one: python -m "
            "sinch_hosting.temporal.worker",
            never_sent=True,
        ) from error
    except (WorkflowQueryFailedError, WorkflowUpdateFailedError) as error:
        cause = error.__cause__
        rule = (
            f"does not take that: {cause.message if isinstance(cause, ApplicationError) else error}"
        )
        raise InvalidRequest(field="job", value=job, rule=rule) from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise TransportError(
            "no worker said in time what became of it; see `sinch-hosting jobs status`",
            never_sent=False,
        ) from error


async def _attributes(client: Client, given: JobInput) -> TypedSearchAttributes:
    """Return the search attributes that are registered at the server; others would be refused."""
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError:
        return TypedSearchAttributes.empty  # not everybody may ask: the memo has both
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    pairs = [
        SearchAttributePair(JOB_ATTRIBUTE, given.order.job),
        SearchAttributePair(PLAN_ATTRIBUTE, given.order.service_plan_id),
    ]
    return TypedSearchAttributes(
        [pair for pair in pairs if known.custom_attributes.get(pair.key.name) == keyword]
    )
