"""An endpoint that streams music for an uploaded video: the audio leaves while it is made.

pip install fastapi python-multipart uvicorn ./client/python
uvicorn fastapi_endpoint:app
curl -F video=@in.mp4 localhost:8000/music > out.mp3
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request, UploadFile
from fastapi.responses import StreamingResponse

from vidmuse import AsyncClient, Chunk, InvalidArgumentError, SongOptions, VidmuseError


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncClient(["127.0.0.1:50051"]) as client:
        app.state.vidmuse = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/music")
async def music(request: Request, video: UploadFile, seed: int | None = None) -> StreamingResponse:
    client: AsyncClient = request.app.state.vidmuse
    options: SongOptions = {"format": "mp3", "loudness": "streaming"}
    if seed is not None:
        options["seed"] = seed
    song = client.generate(await video.read(), **options)
    events = song.events()
    try:
        # Until the server has admitted the request, an error can still be an HTTP status.
        while song.started is None:
            await events.__anext__()
    except InvalidArgumentError as error:
        raise HTTPException(400, error.message) from error
    except VidmuseError as error:
        raise HTTPException(503, error.message) from error

    async def audio() -> AsyncIterator[bytes]:
        # A listener who leaves closes this generator, and so the call.
        async for event in events:
            if isinstance(event, Chunk):
                yield event.data

    headers = {"x-vidmuse-seed": str(song.started.seed)}
    return StreamingResponse(audio(), media_type="audio/mpeg", headers=headers)
