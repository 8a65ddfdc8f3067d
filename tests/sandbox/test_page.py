"""The page at /_sandbox/, in a real headless Chromium."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
)


def is_bad(said: Any) -> bool:
    """Whether a console message is an error of the page; the browser logs every 4xx by itself."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[Any]:
    """The page of `sandbox`, open in a browser; errors of its script fail the test."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        opened = await browser.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("console", lambda said: errors.append(said.text) if is_bad(said) else None)
        opened.set_default_timeout(10_000)
        await opened.goto(f"{sandbox.base_url}/_sandbox/")
        yield opened
        await browser.close()
    assert errors == []


async def test_a_person_takes_an_order_through_its_life(page, sandbox, api):
    """Orders, numbers, mails, callbacks and requests show live, and the buttons work."""
    numbers = ["+12025550134", "+12025550135"]
    hostile = "<img src=x onerror=alert(1)>"
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": numbers})
    rows = page.locator("#qualifiedNumbers tbody tr")
    await rows.filter(has_text=numbers[0]).get_by_role("button", name="Approve").click()
    await rows.filter(has_text=numbers[1]).get_by_role("button", name="Refuse").click()
    await rows.filter(has_text="NOT_ELIGIBLE").wait_for()
    assert sandbox.qualified_number(numbers[0]).state == "VERIFIED"

    order_id = await api.text_enable(
        numbers[0], displayName=hostile, callbackUrl="http://127.0.0.1:9/"
    )
    order = page.locator("#orders tbody tr").filter(has_text=order_id)
    await order.filter(has_text=hostile).wait_for()
    await order.get_by_role("button", name="Sign letter").click()
    await order.filter(has_text="IN_PROGRESS").wait_for()
    await page.locator("#outbox tr").filter(has_text="jo@example.com").first.wait_for()
    await order.get_by_role("button", name="Numbers").click()
    await page.locator("#order tr").filter(has_text=numbers[0]).wait_for()
    await page.get_by_role("button", name="1 day on").click()
    await order.filter(has_text="COMPLETED").wait_for()
    assert sandbox.order(order_id).state == "COMPLETED"
    await page.locator("#importedNumbers tr").filter(has_text=numbers[0]).wait_for()
    await page.locator("#callbacks tr").filter(has_text="HOSTING_PROCESS").wait_for()
    requests = page.locator("#requests tr").filter(has_text="textEnableNumbers")
    await requests.filter(has_text="answered").wait_for()
    assert await page.locator("img").count() == 0

    await page.fill("input[name=kind]", "error_before")
    await page.get_by_role("button", name="Add").click()
    await page.locator("#faults tr").filter(has_text="error_before").wait_for()
    assert (await api("GET", "/callbackConfiguration"))[0] == 503
    await page.get_by_role("button", name="Clear all").click()
    await page.locator("#faults .empty").wait_for()
    assert len(sandbox.faults) == 0


async def test_the_page_warns_of_an_order_without_a_letter(page, api):
    """An order without a campaign says why nobody can sign, and has no button for it."""
    order_id = await api.text_enable("+12025550134", campaignId=None)
    order = page.locator("#orders tbody tr").filter(has_text=order_id)
    await order.filter(has_text="no letter is generated").wait_for()
    assert await order.get_by_role("button", name="Sign letter").count() == 0


async def test_the_page_shows_what_is_scheduled(page, sandbox, api):
    """A plan and a campaign that are asked for stand in a column of their own."""
    number = {"phoneNumber": "+12025550134", "regionCode": "US"}
    linked = {"servicePlanId": "plan-1", "campaignId": "campaign-1"}
    await api.ok("POST", "/importedNumbers", {**number, "smsConfiguration": linked})
    row = page.locator("#importedNumbers tbody tr")
    await row.filter(has_text="plan-1 campaign-1 2").wait_for()
    sandbox.advance(minutes=3)
    await row.filter(has_text="campaign-1 2").wait_for()
    sandbox.advance(days=1)
    await row.filter(has_text="plan-1campaign-1").wait_for()


async def test_the_page_says_what_went_wrong(page, sandbox):
    """A fault that does not exist is an error on the page, not a silence."""
    await page.fill("input[name=kind]", "nothing")
    await page.get_by_role("button", name="Add").click()
    await page.locator("#error").filter(has_text="no fault is called").wait_for()
    assert len(sandbox.faults) == 0
