"""Adds to the site what is no page of the guide: the README, its pictures, and the reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

import sinch_hosting

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
COPIES = {
    "README.md": "index.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    ".github/SECURITY.md": "security.md",
    ".github/pictures/demo.svg": "pictures/demo.svg",
    ".github/pictures/sandbox.png": "pictures/sandbox.png",
}
"""What stands elsewhere in the repository, and where it stands on the site."""

GUIDE = [
    *("start", "choose", "credentials", "import", "qualify", "bulk", "onboarding", "waiting"),
    *("callbacks", "sandbox", "command", "agents", "fleets", "files", "json", "observability"),
    *("troubleshooting", "wire", "benchmarks", "stability"),
]
"""The pages of the guide in their order; others come behind them."""

REFERENCE = {
    "Client": ("client", "_polling.policy", "_session"),
    "Resources": ("resources",),
    "Models": ("models",),
    "States": ("states",),
    "Bulk work": ("_bulk",),
    "Onboarding": ("_onboarding",),
    "Waiting": ("_polling.waits",),
    "Callbacks": ("callbacks",),
    "Events and telemetry": ("_events", "_telemetry"),
    "Errors": ("errors",),
    "More": ("",),
}
"""The pages of the reference, and the modules whose public names each holds."""

WHOLE = {
    "Callbacks": "callbacks.sign callbacks.verify callbacks.parse",
}
"""What the reference holds besides the names that `sinch_hosting` has."""

MODULES = {
    "Files of numbers": ["phone_files"],
    "Workflows": ["workflows"],
    "Fleets": [
        *("temporal", "temporal.starting", "temporal.plugin"),
        *("temporal.messages", "temporal.text_enable"),
    ],
}
"""Modules that are public as a whole, by the titles of their pages."""

MODULE = """::: sinch_hosting.{name}
    options:
      heading_level: 2
      filters: ["!^_"]
"""

SANDBOX = """# Sandbox

::: sinch_hosting.sandbox
    options:
      heading_level: 2
      show_root_heading: false
      filters: ["!^_"]
      inherited_members: true
      members: [Sandbox, Rules, Profile, Timing, Plan, HostingOrder, ImportedNumber,
        QualifiedNumber, Letter, Mail, RequestRecord, CallbackRecord]

::: sinch_hosting.sandbox.faults
    options:
      members: [Faults, Fault]

::: sinch_hosting.sandbox.seeding
    options:
      members: false

# pytest fixtures

::: sinch_hosting.pytest_plugin
    options:
      members: false
      show_root_heading: false
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the order of the pages."""
    folder = Path(config.docs_dir)
    more = sorted(path.stem for path in folder.glob("*.md") if path.stem not in GUIDE)
    examples = sorted(f"examples/{path.stem}.md" for path in (folder / "examples").glob("*.py"))
    guide = [name for name in GUIDE if (folder / f"{name}.md").exists()]
    config.nav = [
        {"Home": "index.md"},
        {"Guide": [f"{name}.md" for name in (*guide, *more)]},
        {"Examples": examples},
        {"Reference": [*(f"reference/{_slug(title)}.md" for title in _reference()), _SANDBOX_PAGE]},
        {"Project": ["contributing.md", "security.md"]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, target in COPIES.items():
        path = ROOT / source
        if target.endswith(".md"):
            content: str | bytes = _with_links(path.read_text(encoding="utf-8"))
        else:
            content = path.read_bytes()
        files.append(File.generated(config, target, content=content))
    for path in (Path(config.docs_dir) / "examples").glob("*.py"):
        text = f'# {path.stem}\n\n```python title="{path.name}"\n{path.read_text()}```\n'
        files.append(File.generated(config, f"examples/{path.stem}.md", content=text))
    for title, text in _reference().items():
        files.append(File.generated(config, f"reference/{_slug(title)}.md", content=text))
    files.append(File.generated(config, _SANDBOX_PAGE, content=SANDBOX))
    return files


_SANDBOX_PAGE = "reference/sandbox.md"


def on_page_markdown(markdown: str, page: Page, **kwargs: object) -> str:
    """Let links to the examples lead to their pages."""
    return re.sub(r"\]\(examples/(\w+)\.py\)", r"](examples/\1.md)", markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Fail where a page would load anything from elsewhere."""
    for path in Path(config.site_dir).rglob("*.html"):
        found = _FOREIGN.findall(path.read_text(encoding="utf-8"))
        if found:
            raise PluginError(f"{path} loads from elsewhere: {', '.join(found)}")


_FOREIGN = re.compile(
    r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//[^\"]+|"
    r"<link[^>]+rel=\"(?:stylesheet|preconnect|icon)\"[^>]+href=\"(?:https?:)?//[^\"]+"
)


def _with_links(text: str) -> str:
    """The text of a page whose links lead to the same things on the site."""
    for source, target in COPIES.items():
        text = text.replace(f"]({source})", f"]({target})")
    text = text.replace("](sinch_hosting/guides/examples)", "](examples/csv_batch.md)")
    return re.sub(r"\]\(sinch_hosting/guides/([^)]+)\)", r"](\1)", text)


def _reference() -> dict[str, str]:
    """The text of each page of the reference, by its title."""
    names: dict[str, list[str]] = {title: [] for title in REFERENCE}
    for name in sinch_hosting.__all__:
        home = sinch_hosting._HOME.get(name, "")
        if name != "__version__":
            names[_title_of(home)].append(f"{home}.{name}".lstrip("."))
    names["Client"].sort(key=lambda name: not name.startswith("client."))
    for title, more in WHOLE.items():
        names[title] += more.split()
    pages = {
        title: f"# {title}\n\n" + "\n".join(f"::: sinch_hosting.{name}\n" for name in found)
        for title, found in names.items()
        if found
    }
    for title, modules in MODULES.items():
        pages[title] = f"# {title}\n\n" + "\n".join(MODULE.format(name=name) for name in modules)
    return pages


def _title_of(home: str) -> str:
    """The page for what a module holds: that with the longest name in front."""
    fitting = [
        (len(room), title)
        for title, rooms in REFERENCE.items()
        for room in rooms
        if room in ("", home) or home.startswith(f"{room}.")
    ]
    return max(fitting)[1]


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")
