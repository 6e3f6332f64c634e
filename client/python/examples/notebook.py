"""Cells for a notebook, split at "# %%"; VS Code and Jupytext run them as they are.

pip install './client/python[mux]' ipython
"""

# %% What does the server run?
from IPython.display import Audio, Video, display

from vidmuse import Chunk, Client

client = Client("127.0.0.1:50051")
info = client.model_info()
print(f"{info.name} ({info.scale}) on {info.device}, videos up to {info.max_duration_seconds:g} s")

# %% Music for a video, with its progress
song = client.generate("in.mp4", seed=7)
wav = bytearray()
for event in song.events():
    if isinstance(event, Chunk):
        wav += event.data
    elif song.progress is not None:
        made, total = song.progress.frames_made, song.progress.total_frames
        print(f"\r{made} of {total or '?'} frames", end="")
display(Audio(data=bytes(wav)))

# %% The video with the music under it
client.generate("in.mp4", seed=7).save("out.mp4")
display(Video("out.mp4", embed=True))
