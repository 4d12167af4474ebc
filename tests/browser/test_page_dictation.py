"""Dictating into the page: captions, finals, names of a list, the text taken elsewhere."""

from pathlib import Path

import httpx
import pytest

from tests.browser.dictating import dictation_page
from tests.browser.speech import speech

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_is_built")]

MAX_ERROR_RATE = 0.12  # that of the base model on the clean file, and a word for the microphone


async def test_captions_then_finals_with_the_words_that_were_spoken(live_server: str, tmp_path: Path) -> None:
    said = speech(tmp_path, segments=5)
    async with dictation_page(said.file) as page:
        await page.open(live_server)
        await page.choose(language="en")
        await page.start()
        await page.until_tentative()
        await page.until_finals(1)
        await page.until_status("Live")
        await page.until_recorded(said.seconds)
        await page.stop()
        assert said.error_rate(await page.text()) <= MAX_ERROR_RATE
        assert "finals" in await page.page.locator("#latency").inner_text()
        assert not await page.page.locator("#caption").is_visible()
        assert page.errors == []


async def test_phrases_of_the_chosen_list_are_highlighted_and_tell_what_was_heard(
    live_server: str, tmp_path: Path
) -> None:
    async with httpx.AsyncClient() as client:
        (await client.put(f"{live_server}/v1/bias-lists/page-test", json=["your party"])).raise_for_status()
    said = speech(tmp_path, segments=1)
    async with dictation_page(said.file) as page:
        await page.open(live_server)
        assert await page.page.locator("#list").input_value() == ""
        await page.choose(language="en", list="page-test", names="Ana Karenina\nLoewe")
        await page.start()
        await page.until_recorded(said.seconds)
        await page.stop()
        assert await page.page.locator("mark").all_inner_texts() == ["your party"]
        await page.page.locator("mark").press("Enter")
        assert "heard just so" in await page.page.locator(".heard").inner_text()
        await page.page.locator("mark").click()
        assert await page.page.locator(".heard").count() == 0
        assert page.errors == []


async def test_saving_data_sends_opus_and_gives_the_same_words(live_server: str, tmp_path: Path) -> None:
    said = speech(tmp_path, segments=2)
    async with dictation_page(said.file) as page:
        await page.open(live_server)
        await page.choose(language="en", save_data="on")
        await page.start()
        await page.until_recorded(said.seconds)
        await page.stop()
        assert '"encoding":"opus"' in str(page.sent[0])
        audio_bytes = sum(len(frame) for frame in page.sent if isinstance(frame, bytes))
        assert 0 < audio_bytes < 8_000 * said.seconds
        assert said.error_rate(await page.text()) <= MAX_ERROR_RATE
        assert page.errors == []


async def test_text_can_be_copied_cleared_and_brought_back(live_server: str, tmp_path: Path) -> None:
    said = speech(tmp_path, segments=1)
    async with dictation_page(said.file, permissions=["microphone", "clipboard-read", "clipboard-write"]) as page:
        await page.open(live_server)
        await page.choose(language="en")
        await page.start()
        await page.until_recorded(said.seconds)
        await page.stop()
        text = await page.text()
        await page.page.get_by_role("button", name="Copy the text").click()
        await page.until_notice("Copied")
        await page.page.get_by_role("button", name="Clear the text").click()
        await page.until_notice("Cleared")
        assert await page.text() == ""
        await page.page.get_by_role("button", name="Undo").click()
        assert await page.text() == text
        await page.page.locator("header [data-opens=settings]").click()
        await page.page.locator("#names").press("Control+v")
        assert await page.page.locator("#names").input_value() == text


async def test_settings_are_changed_while_recording_and_kept_over_a_reload(live_server: str, tmp_path: Path) -> None:
    async with dictation_page(speech(tmp_path, segments=1).file) as page:
        await page.open(live_server)
        await page.start()
        await page.choose(language="fr", names="Loewe, Hermès")
        await page.stop()
        changes = [frame for frame in page.sent if isinstance(frame, str) and "configure" in frame]
        assert '"language":"fr","keywords":["Loewe","Hermès"]' in changes[-1]
        await page.page.reload()
        assert await page.page.locator("#chips").inner_text() == "French\n2 names"
