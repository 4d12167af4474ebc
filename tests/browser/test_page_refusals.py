"""What the page says when the server refuses, and what helps."""

from pathlib import Path

import pytest
from playwright.async_api import expect
from sotto_client import Stream

from tests.browser.dictating import DictationPage, dictation_page
from tests.browser.speech import speech
from tests.browser.test_page_dictation import MAX_ERROR_RATE
from tests.e2e.conftest import Gateways

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_is_built")]


async def enter_key(page: DictationPage, key: str) -> None:
    await page.until_notice("An API key is needed")
    await page.page.get_by_role("button", name="Enter a key").click()
    await page.page.locator("#key").fill(key)
    await page.page.get_by_role("button", name="Use this key").click()


async def test_key_is_asked_for_until_it_is_right_and_then_kept(gateways: Gateways, tmp_path: Path) -> None:
    said = speech(tmp_path, segments=1)
    with gateways(SOTTO_API_KEYS="right-key") as url:
        async with dictation_page(said.file) as page:
            await page.page.goto(f"{url}/app/")
            await enter_key(page, "wrong-key")
            await enter_key(page, "right-key")
            languages = page.page.locator("#language option")
            await languages.nth(1).wait_for(state="attached")
            await page.open(url)
            await expect(page.page.locator("#notice")).to_be_hidden()
            await page.choose(language="en")
            await page.start()
            await page.until_recorded(said.seconds)
            await page.stop()
            assert said.error_rate(await page.text()) <= MAX_ERROR_RATE


async def test_key_that_is_revoked_shows_when_recording(gateways: Gateways, tmp_path: Path) -> None:
    async with dictation_page(speech(tmp_path, segments=1).file) as page:
        with gateways(SOTTO_API_KEYS="key") as url:
            await page.page.goto(f"{url}/app/")
            await page.page.get_by_role("button", name="Start recording").click()
            await page.until_notice("An API key is needed")
            await page.in_phase("idle")


async def test_full_server_is_told_and_gets_the_words_when_there_is_room(gateways: Gateways, tmp_path: Path) -> None:
    said = speech(tmp_path, segments=1)
    with gateways(SOTTO_MAX_SESSIONS="1") as url:
        async with dictation_page(said.file) as page:
            await page.open(url)
            await page.choose(language="en")
            async with Stream(url) as other:
                await page.start()
                told = await page.until_notice("The server is full")
                assert "kept here" in told
                await page.until_status("Reconnecting")
                await other.finish()
                async for _ in other:
                    pass
            await page.until_recorded(said.seconds)
            await page.stop()
            assert said.error_rate(await page.text()) <= MAX_ERROR_RATE
