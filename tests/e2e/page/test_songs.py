"""Songs made, heard, compared and saved through the page."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from conftest import PageUnderTest
from programs import DATA, Gateway, Server, made_by_tool

OpenPage = Callable[..., PageUnderTest]

# Listens for a while: the loudest sample that leaves, and how far the picture is from the sound.
LISTEN = """async (seconds) => {
  const { player } = await import("/page/main.js");
  const video = document.getElementById("video");
  const ear = player.output.context.createAnalyser();
  player.output.connect(ear);
  const heard = new Float32Array(ear.fftSize);
  const begin = player.position;
  let loudest = 0;
  let apart = 0;
  let looks = 0;
  while (player.state === "playing" && player.position < begin + seconds) {
    ear.getFloatTimeDomainData(heard);
    loudest = Math.max(loudest, ...heard.map(Math.abs));
    apart = Math.max(apart, Math.abs(video.currentTime - player.heardPosition));
    looks += 1;
    await new Promise(requestAnimationFrame);
  }
  return { loudest, apart, looks, moved: player.position - begin, paused: video.paused };
}"""


def video_packets(path: Path) -> str:
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v",
        "-c",
        "copy",
        "-f",
        "hash",
        "-",
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loudest_of(path: Path) -> float:
    command = ["ffmpeg", "-i", str(path), "-af", "volumedetect", "-f", "null", "-"]
    log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return float(log.split("max_volume: ")[1].split(" dB")[0])


def test_a_song_is_made_heard_and_saved(
    open_page: OpenPage, server: Server, clip: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.tab.evaluate(
        """() => {
          window.said = [];
          const stage = document.getElementById("stage-text");
          const say = () => said.push(stage.textContent);
          new MutationObserver(say).observe(stage, { childList: true });
        }"""
    )
    page.make(clip, seed="7")
    page.wait("player.state === 'playing' && player.position > 0.2")
    heard = page.tab.evaluate(LISTEN, 2.5)
    assert heard["moved"] >= 2.5
    assert heard["looks"] > 10
    assert not heard["paused"]
    assert heard["loudest"] > 0.05
    assert heard["apart"] < 0.1
    page.finish()
    said = page.tab.evaluate("said")
    assert "Making music" in said
    assert said[-1] == "Done"
    for view in (".waveform", ".spectrogram"):  # drawn up to their ends
        colours = page.tab.locator(view).evaluate(
            """(view) => new Set(new Uint32Array(view.getContext("2d")
                .getImageData(view.width - 8, 0, 8, view.height).data.buffer)).size"""
        )
        assert colours > 1, view
    flags = ("--seed", "7", "--loudness", "streaming")
    for kind in ("wav", "mp3", "mp4"):
        saved = page.download(0, kind)
        assert saved == made_by_tool(server, clip, tmp_path / f"tool.{kind}", *flags), kind
    assert video_packets(tmp_path / "tool.mp4") == video_packets(clip)
    assert loudest_of(tmp_path / "tool.mp4") > -30


def test_variants_are_compared_at_the_same_place(
    open_page: OpenPage, server: Server, clip: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.make(clip, seed="5", variants="2")
    page.finish()
    page.wait("player.state === 'playing' && player.position > 0.5")
    page.tab.focus(".result input")
    before = page.ask("player.position")
    page.tab.keyboard.press("ArrowDown")
    after = page.ask(
        "({ second: player.song === cards[1].song, at: player.position, state: player.state })"
    )
    assert after["second"]
    assert after["state"] == "playing"
    # A position is where the song began plus time on the audio clock, so that it rounds anew.
    assert before - 1e-6 <= after["at"] < before + 1
    assert page.tab.evaluate(LISTEN, 1.0)["apart"] < 0.1
    seeds = page.ask("cards.map((card) => card.song.started.seed)")
    assert seeds[0] == "5"
    assert seeds[1] != "5"
    for i, seed in enumerate(seeds):
        flags = ("--seed", seed, "--loudness", "streaming")
        assert page.download(i, "wav") == made_by_tool(server, clip, tmp_path / "tool.wav", *flags)
    assert page.download(1, "mp3") == made_by_tool(server, clip, tmp_path / "tool.mp3", *flags)
    page.tab.click("#make")  # more songs for the same video stand beside the first ones
    page.finish()
    assert page.ask("cards.map((card) => card.song.name)") == [f"Song {i}" for i in range(1, 5)]


def test_settings_arrive(open_page: OpenPage, server: Server, clip: Path, tmp_path: Path) -> None:
    page = open_page()
    page.make(
        clip, seed="3", duration="2", cfg_coef="1.5", loudness="reference", window_overlap="1"
    )
    page.finish()
    flags = ("--seed", "3", "--duration", "2", "--cfg_coef", "1.5", "--window_overlap", "1")
    assert page.download(0, "wav") == made_by_tool(server, clip, tmp_path / "tool.wav", *flags)


def test_cancel(open_page: OpenPage, server: Server, long_video: Path) -> None:
    page = open_page()
    page.make(long_video, variants="2")
    page.wait("cards[0].song.held > 0")
    assert page.tab.inner_text("#make") == "Cancel"
    page.tab.click("#make")
    page.wait("cards[0].song.state === 'cancelled'")
    server.wait_for("vidmuse_requests_running", 0)
    assert page.tab.inner_text("#make") == "Make music"
    assert page.ask("cards[1].song.state") == "cancelled"
    assert "can still be heard" in page.tab.locator(".result-note").first.inner_text()


def test_both_wait_where_the_song_has_not_come(open_page: OpenPage, long_video: Path) -> None:
    page = open_page()
    network = page.context.new_cdp_session(page.tab)
    slow = {"offline": False, "latency": 0, "uploadThroughput": -1}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", {**slow, "downloadThroughput": 30000})
    page.make(long_video, loudness="none")
    page.wait("cards[0].song.held > 0 && player.state !== 'starting'")
    page.tab.evaluate("import('/page/main.js').then(({ player }) => player.play())")
    page.wait("player.state === 'waiting'")
    assert page.ask("part('video').paused")
    assert "Waiting for more music" in page.tab.inner_text("#playback")
    network.send("Network.emulateNetworkConditions", {**slow, "downloadThroughput": -1})
    page.wait("player.state === 'playing'")
    page.wait("part('playback').textContent.includes('run dry') || cards[0].song.over")
    assert page.tab.evaluate(LISTEN, 1.0)["apart"] < 0.1


def test_errors_are_words(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    page.tab.click("#make")
    assert "There is no video yet." in page.tab.inner_text("[role=alert]")
    no_video = tmp_path / "no_video.mp4"
    no_video.write_text("no video")
    page.make(no_video)
    page.wait("cards.length === 1 && cards[0].song.state === 'failed' && !part('problem').hidden")
    problem = page.tab.inner_text("[role=alert]")
    assert problem.startswith("This can't be used.")
    assert problem.endswith("Choose another video, or change the settings.")
    assert not page.tab.is_visible(".again")  # nothing would be different
    assert page.tab.is_visible("text=This browser can't show this video.")
    # Another video takes the place of it and of its song, dropped too.
    page.tab.evaluate(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File(["no video either"], "dropped.mp4"));
          const options = { dataTransfer: files, bubbles: true, cancelable: true };
          const drop = new DragEvent("drop", options);
          document.getElementById("video-file").dispatchEvent(drop);
        }"""
    )
    assert page.tab.inner_text("#video-name") == "dropped.mp4"
    assert page.ask("cards.length") == 0
    # A setting that is out of its range isn't sent.
    page.tab.fill("#seed", "one")
    page.tab.click("#make")
    assert page.ask("document.activeElement.id") == "seed"
    assert page.ask("cards.length") == 0


def test_music_for_a_video_that_cannot_be_shown(open_page: OpenPage) -> None:
    page = open_page()
    page.make(DATA / "demo" / "clip.mp4")  # MPEG-4 part 2
    page.finish()
    assert page.tab.is_visible("text=This browser can't show this video.")
    page.wait("player.state === 'playing' && player.position > 0.2")


def test_an_api_key(open_page: OpenPage, clip: Path, tmp_path: Path) -> None:
    hashes = tmp_path / "hashes"
    hashes.write_text(hashlib.sha256(b"secret").hexdigest() + " team\n")
    server = Server("--api_keys_file", str(hashes))
    gateway = Gateway(server)
    try:
        page = open_page(gateway.url)
        page.tab.wait_for_selector("#key:visible")
        page.make(clip, variants="2", duration="2")
        page.wait("cards.length === 2 && cards[0].song.state === 'failed'")
        page.wait("document.activeElement === part('key')")
        assert page.tab.inner_text("[role=alert]").startswith("An API key is needed.")
        page.tab.fill("#key", "secret")
        page.tab.keyboard.press("Tab")
        page.wait("part('about').textContent.includes('demo')")
        page.tab.locator(".again").first.click()  # for both, since none has begun
        page.finish()
        assert page.download(1, "mp3")
    finally:
        gateway.kill()
        server.kill()


def undisturbed(server: Server, video: Path, folder: Path) -> bytes:
    """The song that the tests below disturb."""
    flags = ("--seed", "1", "--loudness", "none", "--duration", "20")
    return made_by_tool(server, video, folder / "tool.wav", *flags)


def test_a_replica_dies(
    open_page: OpenPage, server: Server, long_video: Path, tmp_path: Path
) -> None:
    servers = [Server(), Server()]
    gateway = Gateway(*servers)
    try:
        page = open_page(gateway.url)
        page.make(long_video, seed="1", loudness="none", duration="20")
        page.wait("cards[0].song.held > 0")
        running = [one for one in servers if one.metric("vidmuse_requests_running") == 1]
        assert len(running) == 1
        running[0].kill()
        page.finish()
        assert page.download(0, "wav") == undisturbed(server, long_video, tmp_path)
    finally:
        gateway.kill()
        for one in servers:
            one.kill()


def test_a_lost_connection(
    open_page: OpenPage, server: Server, long_video: Path, tmp_path: Path
) -> None:
    gateway = Gateway(server)
    try:
        page = open_page(gateway.url)
        page.make(long_video, seed="1", loudness="none", duration="20")
        page.wait("cards[0].song.held > 0")
        gateway.kill()
        page.wait("cards[0].song.state === 'failed' && !part('problem').hidden")
        assert page.tab.inner_text("[role=alert]").startswith("The connection was lost.")
        held = page.ask("cards[0].song.held")
        assert 0 < held < 20 * 32000
        gateway = Gateway(server, port=gateway.port)
        page.tab.click(".again:visible")
        page.wait("cards[0].song.state === 'working'")
        assert page.ask("cards[0].song.held") >= held
        page.finish()
        assert page.download(0, "wav") == undisturbed(server, long_video, tmp_path)
    finally:
        gateway.kill()
