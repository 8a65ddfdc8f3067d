"""Makes the pictures of the README: the end of the demo (SVG), and the sandbox's page (PNG).

Usage: python .github/pictures/make.py    (needs the extra [dev], and chromium)
"""

import asyncio
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.async_api import async_playwright
from rich.console import Console
from rich.text import Text

from sinch_hosting import BlanketLoa, QualificationState, SinchHosting
from sinch_hosting.sandbox import Sandbox

HERE = Path(__file__).parent
LINES = 14
WIDTH, HEIGHT = 1400, 700


def draw_demo() -> None:
    """Run the demo, and draw the end of what it prints as a terminal."""
    code = "from sinch_hosting.cli import main; main()"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, "demo"], capture_output=True, text=True, check=True
    )
    printed = done.stdout.rstrip().splitlines()
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(Text("$ sinch-hosting demo", style="bold green"))
    for line in ["...", *printed[-LINES:]]:
        console.print(Text(line), overflow="ellipsis", no_wrap=True)
    svg = console.export_svg(title="sinch-hosting demo", unique_id="demo")
    # Fonts of the reader: nothing is loaded from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)
    lines = (line.rstrip() for line in svg.splitlines())
    (HERE / "demo.svg").write_text("\n".join(line for line in lines if line) + "\n")


async def some_life(sandbox: Sandbox) -> None:
    """Create a few orders, and let some time pass."""
    numbers = [f"+1303555{line:04}" for line in range(6)]
    async with SinchHosting(
        sandbox.project_id,
        sandbox.key_id,
        sandbox.key_secret,
        base_url=sandbox.base_url,
        auth_url=sandbox.auth_url,
    ) as sinch:
        await sinch.hosting_orders.import_numbers(
            ["+12025550134", "+12025550135"],
            region_code="US",
            service_plan_id="plan",
            campaign_id="campaign",
        )
        await sinch.qualified_numbers.add(numbers)
        await sandbox.pass_time(days=6)
        verified = sinch.qualified_numbers.list(states=[QualificationState.VERIFIED])
        await sinch.qualified_numbers.text_enable(
            [number.phone_number async for number in verified],
            region_code="US",
            service_plan_id="plan",
            campaign_id="campaign",
            loa=BlanketLoa(),
        )
        await sandbox.pass_time(minutes=45)
        await sinch.hosting_orders.import_numbers(
            ["+12025550136"], region_code="US", service_plan_id="plan", campaign_id="campaign"
        )


async def draw_page() -> None:
    """Draw the sandbox's page with some life in it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    async with Sandbox(speed=0, seed=1) as sandbox, async_playwright() as playwright:
        await some_life(sandbox)
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        await page.goto(f"{sandbox.base_url}/_sandbox/")
        await page.wait_for_selector("td")
        await page.screenshot(path=HERE / "sandbox.png")
        await browser.close()


if __name__ == "__main__":
    draw_demo()
    asyncio.run(draw_page())
