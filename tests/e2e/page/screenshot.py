"""Writes a picture of the page with two finished songs of the demo model: screenshot.py FILE."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from conftest import PageUnderTest, playable_clip
from playwright.sync_api import sync_playwright
from programs import Gateway, Server


def take(folder: Path) -> Path:
    server = Server()
    gateway = Gateway(server)
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=os.environ["CHROMIUM"],
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            )
            page = PageUnderTest(chromium, gateway.url, viewport={"width": 1040, "height": 800})
            page.make(playable_clip(folder), seed="1", variants="2")
            page.finish()
            page.tab.evaluate(
                "document.activeElement.blur(); document.querySelector('details').open = false"
            )
            page.ask("player.pause()")
            page.ask("player.seek(3)")
            page.wait("!part('video').seeking && part('video').currentTime === 3")
            page.wait("part('position').value > 2.9")
            page.tab.screenshot(path=folder / "page.png", full_page=True)
            chromium.close()
    finally:
        gateway.kill()
        server.kill()
    return folder / "page.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture = take(Path(folder))
        # 256 colours are enough, and make a small file.
        palette = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(picture), "-vf", palette, sys.argv[1]]
        subprocess.run(command, check=True)


main()
