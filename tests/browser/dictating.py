"""A headless Chromium whose microphone is a recording, with the page open in it."""

import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright, expect

PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 60_000


def chromium() -> str | None:
    return shutil.which("chromium")


class DictationPage:
    """The page at `/app/` as a user sees it.

    `errors`: what the browser's console complains of; `sent`: all frames that went up.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.sent: list[str | bytes] = []
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda socket: socket.on("framesent", self._frame_sent))

    def _frame_sent(self, frame: str | bytes) -> None:
        self.sent.append(frame)

    async def open(self, url: str) -> None:
        """Opens it and waits for what the server tells of itself."""
        await self.page.goto(f"{url}/app/")
        await self.page.locator("#language option").nth(1).wait_for(state="attached")

    async def start(self) -> None:
        await self.page.get_by_role("button", name="Start recording").click()
        await self.in_phase("recording")

    async def stop(self) -> None:
        """Taps the button and waits for the last word."""
        await self.page.get_by_role("button", name="Stop recording").click()
        await self.in_phase("idle")

    async def in_phase(self, phase: str) -> None:
        await self.page.locator(f"body[data-phase={phase}]").wait_for()

    async def until_tentative(self) -> None:
        """Waits for a caption that may still change."""
        await expect(self.page.locator(".tentative").first).to_have_text(re.compile(r"\w"))

    async def until_finals(self, count: int) -> None:
        await self.page.locator("p.final").nth(count - 1).wait_for()

    async def until_recorded(self, seconds: int) -> None:
        """Waits until so much was heard, less than a minute."""
        later = "|".join(f"{second:02d}" for second in range(seconds, 60))
        await expect(self.page.locator("#clock")).to_have_text(re.compile(f"^0:({later})$"))

    async def until_status(self, text: str) -> None:
        await expect(self.page.locator("#status")).to_contain_text(text)

    async def until_notice(self, text: str) -> str:
        """The whole notice, once it has `text`."""
        await expect(self.page.locator("#notice")).to_contain_text(text)
        return await self.page.locator("#notice").inner_text()

    async def choose(self, **settings: str) -> None:
        """Sets fields of the settings by their ids, as `list="clients"`; `save_data` is on or off."""
        await self.page.locator("header [data-opens=settings]").click()
        for name, value in settings.items():
            field = self.page.locator(f"#{name.replace('_', '-')}")
            if name in ("language", "list"):
                await field.select_option(value)
            elif name == "save_data":
                await field.set_checked(value == "on")
            else:
                await field.fill(value)
        await self.page.get_by_role("button", name="Done").click()

    async def text(self) -> str:
        """The finals, joined."""
        return " ".join(await self.page.locator("p.final").all_inner_texts())


@contextlib.asynccontextmanager
async def dictation_page(microphone: Path, **context_options: Any) -> AsyncIterator[DictationPage]:
    """`microphone` is a WAV file that is heard once, from the moment that recording starts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(),
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}%noloop",
            ],
        )
        try:
            context = await browser.new_context(**{"viewport": PHONE, "locale": "en-GB"} | context_options)
            yield DictationPage(await context.new_page())
        finally:
            await browser.close()
