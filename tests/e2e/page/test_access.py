"""The page for those who use a keyboard, a screen reader, a phone, or little contrast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conftest import PageUnderTest
from programs import Gateway

OpenPage = Callable[..., PageUnderTest]

CONTROLS = {"button", "checkbox", "combobox", "link", "radio", "slider", "spinbutton", "textbox"}
# Visible text whose contrast with what is behind it is under 4.5, by WCAG 2's formula.
FAINT_TEXT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (colour) => {
    const [r, g, b] = [...colour].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const colour = rgba(getComputedStyle(element).backgroundColor);
    const isSeen = colour[3] === 255 || element.parentElement === null;
    return isSeen ? colour : ground(element.parentElement);
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if ((!hasText && !element.matches("input, select")) || !element.checkVisibility()) continue;
    if (element.matches(":disabled, [type=file], [type=range], [type=radio]")) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(element).color)), luminance(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${element.outerHTML.slice(0, 80)}: ${contrast}`);
  }
  return faint;
}"""


def finished_page(open_page: OpenPage, clip: Path, **options: object) -> PageUnderTest:
    page = open_page(**options)
    page.make(clip, variants="2", seed="7", duration="2")
    page.finish()
    return page


def test_every_control_has_a_name(open_page: OpenPage, clip: Path) -> None:
    page = finished_page(open_page, clip)
    tree = page.context.new_cdp_session(page.tab).send("Accessibility.getFullAXTree")
    named = []
    for node in tree["nodes"]:
        if node["ignored"] or node["role"]["value"] not in {*CONTROLS, "image", "progressbar"}:
            continue
        assert node["name"]["value"].strip(), node
        named.append(node["name"]["value"])
    assert len(set(named)) == len(named), "two have the same name"
    assert "Download Song 2 as MP3" in named
    for role in ("status", "alert", "radiogroup"):
        assert page.tab.locator(f"[role={role}]").count() > 0


def test_the_keyboard_reaches_everything_in_order(open_page: OpenPage, clip: Path) -> None:
    page = finished_page(open_page, clip)
    page.tab.mouse.click(1, 1)  # what comes next begins there
    reached: list[str] = []
    while True:
        page.tab.keyboard.press("Tab")
        focus = page.tab.evaluate(
            """() => {
              const element = document.activeElement;
              const name = element.id || element.dataset.format || element.localName;
              const framed = element.matches("[type=file]") ? element.parentElement : element;
              return [name, getComputedStyle(framed).outlineStyle];
            }"""
        )
        if focus[0] == "body" or len(reached) > 40:
            break
        assert focus[1] != "none", f"nobody sees that {focus[0]} has the focus"
        reached.append(focus[0])
    assert reached == [
        *("video-file", "play", "position", "variants", "duration", "loudness", "summary"),
        *("seed", "cfg_coef", "alignment", "window_overlap", "make"),
        *("input", "wav", "mp3", "mp4", "wav", "mp3", "mp4"),
    ]
    page.tab.focus("#play")
    page.tab.keyboard.press("Space")
    page.wait("part('play').getAttribute('aria-label') === 'Play' || player.state === 'playing'")


def test_a_phone_needs_no_sideways_scroll(open_page: OpenPage, clip: Path) -> None:
    page = finished_page(open_page, clip, viewport={"width": 320, "height": 640})
    assert page.tab.evaluate("document.documentElement.scrollWidth") == 320


def test_contrast(open_page: OpenPage, clip: Path) -> None:
    page = finished_page(open_page, clip)
    for scheme in ("light", "dark"):
        page.tab.emulate_media(color_scheme=scheme)
        # Colours that change slowly would be measured on their way.
        page.wait("document.getAnimations().length === 0")
        assert page.tab.evaluate(FAINT_TEXT) == [], scheme


def test_nothing_moves_by_itself_if_motion_is_unwanted(open_page: OpenPage, clip: Path) -> None:
    page = finished_page(open_page, clip, reduced_motion="reduce")
    assert page.ask("player.state") == "paused"
    page.tab.click("#play")
    page.wait("player.state === 'playing' && player.position > 0.1")


def test_the_page_asks_nothing_of_others(open_page: OpenPage, gateway: Gateway, clip: Path) -> None:
    page = open_page()
    asked: list[str] = []
    page.tab.on("request", lambda request: asked.append(request.url))
    page.tab.reload()
    page.make(clip, duration="2")
    page.finish()
    assert len(asked) > 10
    assert {url.removeprefix("blob:").startswith(gateway.url) for url in asked} == {True}
