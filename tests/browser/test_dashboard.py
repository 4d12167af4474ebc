"""The dashboard in a headless Chromium, over two gateways and a worker whose decoder follows a script."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import redis
from playwright.async_api import Page, async_playwright, expect
from sotto_client import Final, Finished, Stream, StreamOptions

from tests.browser.dictating import PATIENCE_MS, chromium
from tests.e2e.recordings import samples
from tests.stack import Stack

HOSTILE = "<img src=x onerror=document.title='broken'>"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if chromium() is None:
        pytest.skip("no chromium on the PATH (Debian package chromium)")
    stack = Stack(tmp_path_factory.mktemp("dashboard"))
    worker = subprocess.Popen(
        [sys.executable, "-m", "loadtest.scripted", stack.redis.url], env=os.environ | stack.environment
    )
    try:
        _, stack.url = stack.gateway()
        stack.ready(stack.url)
        yield stack
    finally:
        worker.kill()
        worker.wait()
        stack.close()


@pytest.fixture
def admin_key(stack: Stack) -> str:
    """Of a deployment beside the others, which nobody needs a key for."""
    made = subprocess.run(
        [sys.executable, "-m", "service.cli", "keys", "create", "--scope", "admin"],
        env=os.environ | stack.environment | {"SOTTO_KEY_PREFIX": "locked"},
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.split()[-1]


@contextlib.asynccontextmanager
async def dashboard(url: str, **context_options: Any) -> AsyncIterator[Page]:
    """The page, and at its end the certainty that the browser complained of nothing but lost connections."""
    complaints: list[str] = []
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            context = await browser.new_context(**{"locale": "en-GB"} | context_options)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
            await page.goto(f"{url}/dashboard")
            yield page
        finally:
            await browser.close()
    assert complaints == []


async def live(page: Page) -> None:
    await page.locator("body[data-state=live]").wait_for()


def tile(page: Page, name: str) -> Any:
    return page.locator(f"[data-tile={name}] .value")


async def dictated(*urls: str) -> int:
    """One stream after another, all of them over; how many finals they had."""
    finals = 0
    for url in urls:
        async with Stream(url, StreamOptions(language="en")) as stream:
            await stream.send_audio(samples("demo").tobytes()[: 6 * 32_000])
            await stream.finish()
            async for event in stream:
                finals += isinstance(event, Final)
                if isinstance(event, Finished):
                    break
    return finals


async def test_figures_of_all_gateways_appear_at_each(stack: Stack) -> None:
    _, other = stack.gateway()
    async with Stream(other, StreamOptions(language="en")), dashboard(stack.url) as page:
        await live(page)
        await expect(tile(page, "streams")).to_have_text("1")
        await expect(page.locator("[data-table=gateways] tbody tr")).to_have_count(2)
        await expect(page.locator("[data-table=workers]")).to_contain_text("scripted")
        await expect(page.locator("[data-table=sessions]")).to_contain_text("open")
        finals = await dictated(stack.url, other)
        await expect(page.locator("[data-tile=latency] .note")).to_contain_text(f"of {finals} finals")
        await expect(tile(page, "words")).to_have_text(re.compile("[1-9]"))
        assert await page.locator("[data-table=sessions] tbody tr td:last-child").all_inner_texts() == [""] * 3
    stack.processes[-1].kill()
    async with dashboard(stack.url) as page:
        await live(page)
        await expect(page.locator("[data-table=gateways] tbody tr")).to_have_count(1)


async def test_dark_and_light_follow_the_system_and_the_button(stack: Stack) -> None:
    async with dashboard(stack.url, color_scheme="dark") as page:
        body = page.locator("body")
        await expect(body).to_have_css("background-color", "rgb(19, 23, 27)")
        await page.get_by_role("button", name="Theme: as the system").click()
        await expect(body).to_have_css("background-color", "rgb(246, 244, 238)")
        await page.reload()
        await expect(body).to_have_css("background-color", "rgb(246, 244, 238)")


async def test_phone_needs_no_scrolling_sideways(stack: Stack) -> None:
    async with dashboard(stack.url, viewport=PHONE) as page:
        await live(page)
        await expect(page.locator("[data-table=workers]")).to_contain_text("scripted")
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


async def test_names_of_others_are_text(stack: Stack) -> None:
    """Written past the gateways, which would not let such names in."""
    with redis.Redis.from_url(stack.redis.url) as client:
        client.hset("sotto:tenants", "x", json.dumps({"id": "x", "name": HOSTILE}))
        record = {"version": 1, "digest": "d", "entries": 1, "at": 1.0}
        client.hset("sotto:{bias}:lists:x", HOSTILE, json.dumps(record))
        try:
            async with dashboard(stack.url, viewport=PHONE) as page:
                await expect(page.locator("[data-table=lists]")).to_contain_text(HOSTILE)
                await expect(page.locator("[data-table=tenants]")).to_contain_text(HOSTILE)
                assert await page.locator("main img").count() == 0
                assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        finally:
            client.hdel("sotto:tenants", "x")
            client.delete("sotto:{bias}:lists:x")


async def test_old_figures_are_said_to_be_old_and_come_back(stack: Stack) -> None:
    process, url = stack.gateway()
    async with dashboard(url) as page:
        await live(page)
        process.kill()
        await page.locator("body[data-state=stale]").wait_for()
        await expect(page.locator("#notice")).to_contain_text("These figures are")
        again, _ = stack.gateway(port=int(url.rsplit(":", 1)[1]))
        await live(page)
        await expect(page.locator("#notice")).to_be_hidden()
        again.kill()


async def test_key_is_asked_for_kept_in_the_tab_and_never_in_an_address(stack: Stack, admin_key: str) -> None:
    _, url = stack.gateway(SOTTO_KEY_PREFIX="locked", SOTTO_API_KEYS="transcribing")
    asked: list[str] = []
    async with dashboard(url) as page:
        page.on("request", lambda request: asked.append(request.url))
        await page.get_by_label("API key").fill("transcribing")
        await page.get_by_role("button", name="Open").click()
        await expect(page.locator("#refusal")).to_contain_text("admin")
        await page.get_by_label("API key").fill(admin_key)
        await page.get_by_role("button", name="Open").click()
        await live(page)
        await page.reload()
        await live(page)
        assert not any(admin_key in address for address in [*asked, page.url])


async def test_events_are_for_admins_only(stack: Stack) -> None:
    _, url = stack.gateway(SOTTO_API_KEYS="transcribing")
    async with httpx.AsyncClient(base_url=url) as client:
        events = "/v1/admin/dashboard/events"
        assert (await client.get(events)).status_code == 401
        assert (await client.get(events, headers={"Authorization": "Bearer transcribing"})).status_code == 403
        page = await client.get("/dashboard/")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert (await client.get("/dashboard/nothing.js")).status_code == 404
