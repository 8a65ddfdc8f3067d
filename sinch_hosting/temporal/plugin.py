"""`SinchHostingPlugin`: gives your own Temporal workers and clients what jobs need."""

from __future__ import annotations

from dataclasses import replace

from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from ..client import SinchHosting
from .activities import HostingActivities
from .files import References
from .number_activities import NumberActivities
from .onboard import OnboardJob
from .payloads import DATA_CONVERTER
from .text_enable import TextEnableJob

TASK_QUEUE = "sinch-hosting"


class SinchHostingPlugin(SimplePlugin):
    """The workflows, activities and payloads of this package, for `plugins=[...]`.

    A client needs it without arguments. A worker needs a `SinchHosting`: all activities of its
    process share it, so there is one token and one rate for each process.

        client = await Client.connect("localhost:7233", plugins=[SinchHostingPlugin(sinch)])
        worker = Worker(client, task_queue="sinch-hosting")

    Args:
        sinch: The client of the service; the plugin does not close it. `None` where there are no
            workers, but only a client that starts jobs and asks for them.
        references: Reads numbers and letters; files by default.
    """

    def __init__(
        self, sinch: SinchHosting | None = None, *, references: References | None = None
    ) -> None:
        read = references or References()
        activities = (
            None
            if sinch is None
            else [*HostingActivities(sinch, read).all, *NumberActivities(sinch, read).all]
        )
        super().__init__(
            "sinch_hosting.SinchHostingPlugin",
            data_converter=DATA_CONVERTER,
            activities=activities,
            workflows=[TextEnableJob, OnboardJob],
            workflow_runner=_passing_through,
        )


def _passing_through(runner: WorkflowRunner | None) -> WorkflowRunner:
    """Let the sandbox of workflows use this package as it is loaded, and what it stands on."""
    if runner is None:
        runner = SandboxedWorkflowRunner()
    if not isinstance(runner, SandboxedWorkflowRunner):
        return runner
    restrictions: SandboxRestrictions = runner.restrictions.with_passthrough_modules(
        "sinch_hosting", "attr", "attrs", "cattrs"
    )
    return replace(runner, restrictions=restrictions)
