"""The page when the network or the server goes away: no words are lost, and it says what happens."""

from pathlib import Path

import pytest
import redis

from tests.browser.dictating import DictationPage, dictation_page
from tests.browser.speech import Speech, speech
from tests.browser.test_page_dictation import MAX_ERROR_RATE
from tests.contract.cutting_proxy import CuttingProxy
from tests.e2e.conftest import Gateways

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("page_is_built")]


async def dictate_with_outage(page: DictationPage, said: Speech, proxy: CuttingProxy, from_s: int, to_s: int) -> None:
    """Dictates all of it; the server is away from one second of the recording to another."""
    await page.choose(language="en")
    await page.start()
    await page.until_recorded(from_s)
    proxy.away = True
    proxy.cut()
    await page.until_status("Reconnecting")
    await page.until_notice("what you say is kept here")
    await page.until_recorded(to_s)
    await page.until_status("s kept")
    proxy.away = False
    await page.until_notice("nothing was lost")
    await page.until_status("Live")
    await page.until_recorded(said.seconds)
    await page.stop()


@pytest.mark.parametrize("save_data", ["off", "on"])
async def test_a_connection_lost_in_a_sentence_loses_no_words(live_server: str, tmp_path: Path, save_data: str) -> None:
    said = speech(tmp_path, segments=2)
    proxy = CuttingProxy(live_server)
    async with proxy.running() as url, dictation_page(said.file) as page:
        await page.open(url)
        await page.choose(save_data=save_data)
        await dictate_with_outage(page, said, proxy, from_s=3, to_s=7)
        assert said.error_rate(await page.text()) <= MAX_ERROR_RATE


async def test_a_session_that_the_server_forgot_is_begun_anew_with_what_has_no_final(
    live_server: str, tmp_path: Path, store: "redis.Redis"
) -> None:
    said = speech(tmp_path, segments=2)
    proxy = CuttingProxy(live_server)
    async with proxy.running() as url, dictation_page(said.file) as page:
        await page.open(url)
        await page.choose(language="en")
        await page.start()
        await page.until_finals(1)
        proxy.away = True
        proxy.cut()
        await page.until_status("Reconnecting")
        await page.until_recorded(8)
        store.delete(*store.scan_iter("sotto:{s_*"))
        proxy.away = False
        await page.until_notice("nothing was lost")
        await page.until_recorded(said.seconds)
        await page.stop()
        assert said.error_rate(await page.text()) <= MAX_ERROR_RATE


async def test_recording_begins_without_a_server_and_ends_up_whole(live_server: str, tmp_path: Path) -> None:
    said = speech(tmp_path, segments=1)
    proxy = CuttingProxy(live_server)
    async with proxy.running() as url, dictation_page(said.file) as page:
        await page.open(url)
        await page.choose(language="en")
        proxy.away = True
        proxy.cut()
        await page.start()
        await page.until_notice("what you say is kept here")
        await page.until_recorded(said.seconds)
        await page.page.get_by_role("button", name="Stop recording").click()
        await page.in_phase("finishing")
        proxy.away = False
        await page.in_phase("idle")
        assert said.error_rate(await page.text()) <= MAX_ERROR_RATE


async def test_page_opens_without_a_network(gateways: Gateways, tmp_path: Path) -> None:
    async with dictation_page(speech(tmp_path, segments=1).file, bypass_csp=True) as page:
        with gateways() as url:
            await page.open(url)
            await page.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await page.page.reload()
        assert "online" in await page.until_notice("The server cannot be reached")
        assert await page.page.get_by_role("button", name="Start recording").is_visible()


async def test_a_network_that_vanishes_without_a_word_is_noticed(live_server: str, tmp_path: Path) -> None:
    """Offline, the browser neither closes the socket nor carries anything: the page has to ask and hear nothing."""
    said = speech(tmp_path, segments=2)
    async with dictation_page(said.file) as page:
        await page.open(live_server)
        await page.choose(language="en")
        await page.start()
        await page.until_recorded(2)
        await page.page.context.set_offline(True)
        await page.until_notice("You are offline")
        await page.page.context.set_offline(False)
        await page.until_notice("nothing was lost")
        await page.until_recorded(said.seconds)
        await page.stop()
        assert said.error_rate(await page.text()) <= MAX_ERROR_RATE
