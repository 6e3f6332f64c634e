"""A real Chromium with the page, before real servers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Download, Page, sync_playwright
from programs import DATA, PATIENCE, Gateway, Server


class PageUnderTest:
    """The page in a tab of its own, with what the tests do to it and ask of it."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 800, "height": 600}, **options})
        self.tab: Page = self.context.new_page()
        self.tab.set_default_timeout(1000 * PATIENCE)
        self.complaints: list[str] = []  # what the browser finds wrong with the page
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("console", self._on_console)
        self.tab.goto(url)

    def _on_console(self, message: Any) -> None:
        # Chromium reports answers that are errors here too, which some tests want.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def ask(self, expression: str) -> Any:
        """The value of an expression over the page's `player`, `cards`, and its elements by id."""
        return self.tab.evaluate(
            f"""async () => {{
              const {{ player, cards }} = await import("/page/main.js");
              const part = (id) => document.getElementById(id);
              return {expression};
            }}"""
        )

    def wait(self, condition: str) -> None:
        """Waits until an expression, as in `ask`, is true."""
        self.tab.evaluate(
            f"""async (patience) => {{
              const {{ player, cards }} = await import("/page/main.js");
              const part = (id) => document.getElementById(id);
              const end = performance.now() + patience;
              while (!({condition})) {{
                if (performance.now() > end) {{
                  const states = cards.map((card) => `${{card.song.state}} ${{card.song.held}}`);
                  throw new Error(`not in time: ${{states}}; the player: ${{player.state}}`);
                }}
                await new Promise((done) => setTimeout(done, 10));
              }}
            }}""",
            1000 * PATIENCE,
        )

    def make(self, video: Path, **settings: str) -> None:
        """Sets the video and the settings, by their elements' ids, and asks for the music."""
        self.tab.set_input_files("#video-file", video)
        self.tab.evaluate("document.querySelector('details').open = true")
        for name, value in settings.items():
            element = self.tab.locator(f"#{name}")
            if element.evaluate("element => element.tagName") == "SELECT":
                element.select_option(value)
            else:
                element.fill(value)
        self.tab.click("#make")

    def finish(self) -> None:
        """Waits for the end of all songs, which must be a good one."""
        self.wait("cards.length > 0 && cards.every((card) => card.song.over)")
        states = self.ask("cards.map((card) => [card.song.state, card.song.error?.message ?? ''])")
        assert all(state == ["finished", ""] for state in states), states

    def download(self, song: int, kind: str) -> bytes:
        with self.tab.expect_download() as download:
            self.tab.locator(".result").nth(song).locator(f"[data-format={kind}]").click()
        value: Download = download.value
        assert value.suggested_filename.endswith(f".{kind}")
        return Path(value.path()).read_bytes()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # The sandbox needs user namespaces, which containers lack.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"],
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.kill()


@pytest.fixture(scope="session")
def gateway(server: Server) -> Iterator[Gateway]:
    one = Gateway(server)
    yield one
    one.kill()


@pytest.fixture
def open_page(browser: Browser, gateway: Gateway) -> Iterator[Callable[..., PageUnderTest]]:
    pages: list[PageUnderTest] = []

    def open_one(url: str = gateway.url, **options: Any) -> PageUnderTest:
        pages.append(PageUnderTest(browser, url, **options))
        return pages[-1]

    yield open_one
    for page in pages:
        page.context.close()
    assert [page.complaints for page in pages] == [[] for _ in pages]


def playable_clip(folder: Path) -> Path:
    """The demo's clip of 7 s, as H.264, which Chromium shows."""
    path = folder / "clip.mp4"
    command = ["ffmpeg", "-v", "error", "-i", str(DATA / "demo" / "clip.mp4")]
    subprocess.run([*command, "-c:v", "libx264", "-preset", "veryfast", str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return playable_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def long_video() -> Path:
    """63 s, over whose making there is time to do something."""
    return DATA / "golden" / "videos" / "zoom_63s.mp4"
