"""What to do with which numbers: the questions, the six workflows and the rules, as one table.

The vendor describes this API for coding agents by four questions, a decision tree, six workflows
and six rules. Here they are data. `sinch-hosting start`, the prompts of `sinch-hosting mcp`, the
page `choose` of the guide and the table of the README are made from it.

```python
from sinch_hosting.workflows import workflow_for

workflow = workflow_for("text-enable")
for step in workflow.steps:
    print(step.operation, step.call, step.person)
```
"""

from .choices import CHOICES, Choice
from .pages import guide_page, readme_table, workflow_text
from .rules import QUESTIONS, RULES, Question, Rule
from .table import WORKFLOWS, Goal, Step, Workflow, workflow_for

__all__ = [
    "CHOICES",
    "QUESTIONS",
    "RULES",
    "WORKFLOWS",
    "Choice",
    "Goal",
    "Question",
    "Rule",
    "Step",
    "Workflow",
    "guide_page",
    "readme_table",
    "workflow_for",
    "workflow_text",
]
