"""The page at /_sandbox/, in a real headless Chromium."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox

from .. import npm

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
        opened.set_default_timeout(120_000)
        await opened.goto(f"{sandbox.base_url}/_sandbox/")
        yield opened
        await browser.close()
    assert errors == []


AXE = ("axe-core", "4.10.3")
N1, N2 = "+12025550134", "+12025550135"


async def choose(page: Any, row: Any, action: str) -> None:
    """Open the menu of a row, and choose an action of it."""
    await row.get_by_role("button", name="Actions").click()
    await page.get_by_role("menuitem", name=action).click()


def row_of(page: Any, table: str, text: str) -> Any:
    """The row of a table with that text."""
    return page.locator(f"#{table} tbody tr").filter(has_text=text)


async def test_a_person_takes_an_order_through_its_life(page, sandbox, api):
    """Orders, numbers, mails, callbacks and requests show live, and the menus work."""
    hostile = "<img src=x onerror=alert(1)>"
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1, N2]})
    await choose(page, row_of(page, "qualifiedNumbers", N1), "Approve")
    await choose(page, row_of(page, "qualifiedNumbers", N2), "Refuse")
    await row_of(page, "qualifiedNumbers", "NOT_ELIGIBLE").wait_for()
    assert sandbox.qualified_number(N1).state == "VERIFIED"

    order_id = await api.text_enable(N1, displayName=hostile, callbackUrl="http://127.0.0.1:9/")
    order = row_of(page, "orders", order_id)
    await order.filter(has_text=hostile).wait_for()
    await order.filter(has_text="the letter to be mailed").filter(has_text="in 10 min").wait_for()
    await choose(page, order, "Sign letter")
    await order.filter(has_text="IN_PROGRESS").wait_for()
    await order.filter(has_text="the routing update (OSR)").wait_for()
    await row_of(page, "outbox", "jo@example.com").first.wait_for()
    await order.get_by_role("button", name=order_id, exact=True).click()
    await row_of(page, "order", N1).wait_for()
    await page.get_by_role("button", name="+1 day").click()
    await order.filter(has_text="COMPLETED").wait_for()
    assert sandbox.order(order_id).state == "COMPLETED"
    await row_of(page, "importedNumbers", N1).wait_for()
    await row_of(page, "callbacks", "HOSTING_PROCESS").wait_for()
    assert await page.locator("img").count() == 0


async def test_the_page_shows_requests_and_filters_them(page, sandbox, api):
    """By operation, status and order; a body is folded, and pretty when it is opened."""
    order_id = await api.import_numbers(N1)
    await api.import_numbers(N2)
    await api("GET", f"/hostingOrders/{order_id}")
    await api("POST", "/hostingOrders:importNumbers", {"numbers": [N1]})
    requests = page.locator("#requests details")
    await requests.nth(3).wait_for()
    form = page.locator("#filters")
    await form.get_by_label("Operation").select_option("ImportNumbers")
    await requests.nth(3).wait_for(state="detached")
    assert await requests.count() == 3
    await form.get_by_label("Status").select_option("4xx")
    await requests.nth(1).wait_for(state="detached")
    await requests.locator("summary").click()
    await requests.locator("pre").filter(has_text='"numbers": [\n    "+12025550134"').wait_for()
    await (
        requests.locator("pre")
        .filter(has_text="regionCode: is required")
        .or_(requests.locator("pre").filter(has_text="regionCode is required"))
        .first.wait_for()
    )
    await form.get_by_role("button", name="Show all").click()
    await requests.nth(3).wait_for()
    await choose(page, row_of(page, "orders", order_id), "Show its requests")
    await requests.nth(2).wait_for(state="detached")
    assert await requests.count() == 2
    assert len(sandbox.requests) == 4


async def test_time_is_steered(page, sandbox, api):
    """It runs and stands still, jumps, and is told in words with the exact time on hover."""
    order_id = await api.import_numbers(N1)
    order = row_of(page, "orders", order_id)
    await order.get_by_text("in 10 min").wait_for()
    assert await order.locator("time").first.get_attribute("title") == "2026-01-05T14:10:00.000Z"
    await page.get_by_role("button", name="Next event").click()
    await order.filter(has_text="IN_PROGRESS").wait_for()
    await page.get_by_role("button", name="+1 hour").click()
    await order.get_by_text("ago").first.wait_for()
    await page.get_by_label("Speed").select_option("1")
    await page.get_by_role("button", name="Pause").wait_for()
    assert sandbox.speed == 1
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_role("button", name="Run").wait_for()
    assert sandbox.speed == 0
    await page.get_by_role("button", name="Run").click()
    await page.get_by_role("button", name="Pause").wait_for()
    assert sandbox.speed == 1


async def test_faults_are_switched(page, sandbox, api):
    """One is added with a count and settings, struck, switched off and on, and removed."""
    form = page.locator("#fault")
    await form.get_by_label("Fault").select_option("error_before")
    await form.get_by_label("Operation").select_option("reads")
    await form.get_by_label("How often").fill("1")
    await form.get_by_label("status").fill("500")
    await form.get_by_role("button", name="Add").click()
    fault = row_of(page, "faults", "error_before")
    await fault.filter(has_text="0 of 1").wait_for()
    assert (await api("GET", "/callbackConfiguration"))[0] == 500
    assert (await api("GET", "/callbackConfiguration"))[0] == 200
    await fault.filter(has_text="1 of 1").wait_for()
    switch = fault.get_by_role("switch", name="error_before")
    await switch.click()
    await fault.filter(has_text="Off").wait_for()
    assert [known.on for known in sandbox.faults] == [False]
    await switch.click()
    await fault.filter(has_text="0 of 1").wait_for()
    assert (await api("GET", "/callbackConfiguration"))[0] == 500
    await choose(page, fault, "Remove")
    await page.locator("#faults .empty").wait_for()
    assert len(sandbox.faults) == 0


async def test_every_kind_of_fault_can_be_added_as_it_stands(page, sandbox):
    """The form's own values are good ones for each kind."""
    form = page.locator("#fault")
    kinds = await form.get_by_label("Fault").locator("option").all_text_contents()
    for kind in kinds:
        await form.get_by_label("Fault").select_option(kind)
        await form.get_by_role("button", name="Add").click()
    await page.locator("#faults tbody tr").nth(len(kinds) - 1).wait_for()
    assert [fault.kind for fault in sandbox.faults] == kinds
    await page.get_by_role("button", name="Remove all").click()
    await page.locator("#faults .empty").wait_for()


async def test_a_search_that_finds_more_than_it_shows_says_so(page, api):
    """Fifty rows of sixty are not "50 found"."""
    api.qualify(*(f"+1202555{n:04}" for n in range(60)))
    await page.get_by_label("Find a number").fill("202555")
    await page.get_by_role("button", name="Find").click()
    await page.locator("#said").filter(has_text="the last 50 of those found").wait_for()
    assert await page.locator("#foundNumbers tbody tr").count() == 50
    await page.get_by_label("Find a number").fill("2025550059")
    await page.get_by_role("button", name="Find").click()
    await page.locator("#said").filter(has_text="1 found").wait_for()


async def test_a_number_is_found(page, sandbox, api):
    """By some of its digits: its qualification, its orders, and where it is imported."""
    order_id = await api.text_enable(N1)
    await api.import_numbers(N2)
    sandbox.complete(order_id)
    await page.get_by_label("Find a number").fill("0134")
    await page.get_by_role("button", name="Find").click()
    found = row_of(page, "foundNumbers", N1)
    await found.filter(has_text="HOSTING_DONE").filter(has_text=order_id).wait_for()
    assert await page.locator("#foundNumbers tbody tr").count() == 1
    await found.get_by_role("button", name=order_id).click()
    await page.get_by_text(f"Order {order_id}", exact=True).wait_for()
    await page.get_by_label("Find a number").fill("1")
    await page.get_by_role("button", name="Find").click()
    await page.locator("#error").filter(has_text="must have 3 digits or more").wait_for()


async def test_a_menu_works_with_the_keyboard(page, sandbox, api):
    """Enter opens it, arrows move, Escape closes it, and focus comes back to its button."""
    order_id = await api.import_numbers(N1)
    button = row_of(page, "orders", order_id).get_by_role("button", name="Actions")
    await button.focus()
    await page.keyboard.press("Enter")
    focused = page.locator("#menu :focus")
    assert (await focused.text_content()).startswith("Next step now")
    assert await button.get_attribute("aria-expanded") == "true"
    await page.keyboard.press("ArrowDown")
    assert await focused.text_content() == "Complete"
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    assert await focused.text_content() == "Show its requests"
    sandbox.advance(minutes=10)
    await row_of(page, "orders", order_id).filter(has_text="IN_PROGRESS").wait_for()
    assert await focused.count() == 1
    await page.keyboard.press("Escape")
    assert await page.locator("#menu").is_hidden()
    assert await button.evaluate("button => button === document.activeElement")


async def test_the_page_warns_of_an_order_without_a_letter(page, api):
    """An order without a campaign says why nobody can sign, and has no entry for it."""
    order_id = await api.text_enable(N1, campaignId=None)
    order = row_of(page, "orders", order_id)
    await page.get_by_role("button", name="+1 hour").click()
    await order.filter(has_text="no letter is generated").wait_for()
    await order.get_by_role("button", name="Actions").click()
    assert await page.get_by_role("menuitem", name="Complete").count() == 1
    assert await page.get_by_role("menuitem", name="Sign letter").count() == 0


async def test_the_page_shows_what_is_scheduled(page, sandbox, api):
    """A plan and a campaign that are asked for stand in a column of their own."""
    number = {"phoneNumber": N1, "regionCode": "US"}
    linked = {"servicePlanId": "plan-1", "campaignId": "campaign-1"}
    await api.ok("POST", "/importedNumbers", {**number, "smsConfiguration": linked})
    row = page.locator("#importedNumbers tbody tr")
    await row.filter(has_text="plan-1 campaign-1 2").wait_for()
    sandbox.advance(minutes=3)
    await row.filter(has_text="campaign-1 2").wait_for()
    sandbox.advance(days=1)
    await row.filter(has_text="plan-1campaign-1").wait_for()


async def test_the_page_says_what_went_wrong(page, sandbox, api):
    """An action that is refused is an error on the page, not a silence."""
    order_id = await api.import_numbers(N1)
    order = row_of(page, "orders", order_id)
    await order.get_by_role("button", name="Actions").click()
    sandbox.complete(order_id)
    await page.get_by_role("menuitem", name="Reject").click()
    await page.locator("#error").filter(has_text="is COMPLETED already").wait_for()


async def test_axe_finds_nothing(page, sandbox, api):
    """The rules for keyboards, screen readers and contrast hold, with everything open."""
    try:
        axe = npm.installed(*AXE) / "axe-core" / "axe.min.js"
    except npm.Missing as missing:
        pytest.skip(str(missing))
    done = await api.text_enable(N1, callbackUrl="http://127.0.0.1:9/")
    sandbox.complete(done)
    rejected = await api.text_enable(N2)
    sandbox.reject(rejected)
    running = await api.import_numbers("+12025550136")
    sandbox.advance(minutes=20)
    await api("GET", "/hostingOrders/none")
    sandbox.faults.add("lag", count=3)
    await row_of(page, "orders", running).get_by_role("button", name=running, exact=True).click()
    await page.locator("#requests details summary").first.click()
    await page.locator("#requests pre").first.wait_for()
    await page.get_by_label("Find a number").fill("2025")
    await page.get_by_role("button", name="Find").click()
    await row_of(page, "foundNumbers", N1).wait_for()
    # The page's own policy lets no script in but its own, evaluated ones apart.
    await page.evaluate(axe.read_text(encoding="utf-8"))
    for scheme, width in (("light", 1440), ("dark", 390)):
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 900})
        if await page.locator("#menu").is_hidden():
            await row_of(page, "orders", running).get_by_role("button", name="Actions").click()
        found = await page.evaluate("axe.run()")
        told = {
            rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found["violations"]
        }
        assert (scheme, width, told) == (scheme, width, {})
        assert len(found["passes"]) > 20
