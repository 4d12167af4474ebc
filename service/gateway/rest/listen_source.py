"""The recording that a `POST /v1/listen` speaks of: its body, or what lies at the URL that its body names."""

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator
from fnmatch import fnmatchcase
from typing import BinaryIO

import httpx
from fastapi import UploadFile

from service.audio.stream_decoder import SNIFFED_BYTES, sniff
from service.errors import BadAudio, BadRequest, TooLarge
from service.gateway.public_addresses import PrivateAddress, Target, parse, targets_of
from service.gateway.sockets.deepgram.query import RAW_ENCODINGS, Asked, raw_rate
from service.settings import Settings

MAX_JSON = 64 * 1024
MAX_REDIRECTS = 3
FETCH_S = 60.0
IDLE_S = 10.0  # of the server that is fetched from
WAV_TAGS = {"linear16": (1, 16), "linear32": (3, 32), "mulaw": (7, 8), "alaw": (6, 8)}
UNKNOWN_SIZE = 0xFFFFFFFF


async def spool(chunks: AsyncIterator[bytes], file: BinaryIO, asked: Asked, *, max_bytes: int) -> str:
    """Writes a recording to `file`; its SHA-256 as it was sent. Raw samples get the header that tells what they are.

    Raises TooLarge, BadAudio.
    """
    upload = UploadFile(file)  # writes from a thread where the disk is concerned
    digest, size, head = hashlib.sha256(), 0, b""
    is_begun = False
    async for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"the recording is larger than {max_bytes // (1024 * 1024)} MiB", field="file")
        if is_begun:
            await upload.write(chunk)
        elif len(head := head + chunk) >= SNIFFED_BYTES:
            await upload.write(header_for(asked, head) + head)
            is_begun = True
    if not size:
        raise BadAudio("the body is empty", field="file")
    if not is_begun:
        await upload.write(header_for(asked, head) + head)
    return digest.hexdigest()


def header_for(asked: Asked, head: bytes) -> bytes:
    """A WAV header for raw samples of the encoding that was asked for; nothing for a container, which has its own."""
    if asked.encoding not in RAW_ENCODINGS or _is_container(head):
        return b""
    tag, bits = WAV_TAGS[asked.encoding]
    rate, channels = raw_rate(asked), asked.channels
    frame = bits // 8 * channels
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * frame, frame, bits)
    return b"".join((b"RIFF", struct.pack("<I", UNKNOWN_SIZE), b"WAVE", fmt, b"data", struct.pack("<I", UNKNOWN_SIZE)))


def _is_container(head: bytes) -> bool:
    try:
        return sniff(head) is not None
    except BadAudio:
        return False


def url_in(body: bytes) -> str:
    """The URL that a JSON body names. Raises BadRequest."""
    try:
        url = json.loads(body)["url"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRequest('the JSON body must be {"url": "https://..."}', field="url") from error
    if not isinstance(url, str):
        raise BadRequest("url must be a string", field="url")
    return url


async def fetch(url: str, file: BinaryIO, asked: Asked, settings: Settings) -> str:
    """Spools what lies at a URL, in bounded time. Raises BadRequest with the field url, TooLarge, BadAudio."""
    if not settings.listen_url_allow:
        raise BadRequest("recordings are not fetched: SOTTO_LISTEN_URL_ALLOW is not set", field="url")
    max_bytes = settings.max_upload_mb * 1024 * 1024
    try:
        # no proxy of this machine's: it would look the name up again
        async with (
            asyncio.timeout(FETCH_S),
            httpx.AsyncClient(timeout=IDLE_S, follow_redirects=False, trust_env=False) as client,
        ):
            reply = await _follow(client, allowed(url, settings), settings)
            try:
                return await spool(reply.aiter_raw(), file, asked, max_bytes=max_bytes)
            finally:
                await reply.aclose()
    except (PrivateAddress, httpx.HTTPError, OSError, UnicodeError) as error:
        message = str(error) or type(error).__name__
        raise BadRequest(f"the recording could not be fetched: {message}", field="url") from error


async def _follow(client: httpx.AsyncClient, url: httpx.URL, settings: Settings) -> httpx.Response:
    """The answer of the last server; every one on the way there is checked like the first."""
    for _ in range(MAX_REDIRECTS + 1):
        targets = await targets_of(url, allow_private=settings.listen_url_allow_private)
        reply = await _get(client, targets)
        if reply.is_success:
            return reply
        await reply.aclose()
        if not reply.has_redirect_location:
            raise BadRequest(f"the server that holds the recording answered {reply.status_code}", field="url")
        url = allowed(str(url.join(reply.headers["location"])), settings)
    raise BadRequest(f"more than {MAX_REDIRECTS} redirects", field="url")


async def _get(client: httpx.AsyncClient, targets: list[Target]) -> httpx.Response:
    """From the first address that answers."""
    failed: httpx.ConnectError | httpx.ConnectTimeout | None = None
    for target in targets:
        headers = {**target.headers, "Accept-Encoding": "identity"}
        request = client.build_request("GET", target.url, headers=headers, extensions=dict(target.extensions))
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failed = error
    raise failed or OSError("the name stands for no address")


def allowed(url: str, settings: Settings) -> httpx.URL:
    """Raises BadRequest unless the settings name the URL's host."""
    parsed = parse(url, field="url", allow_private=settings.listen_url_allow_private)
    patterns = (pattern.strip().lower() for pattern in settings.listen_url_allow.split(","))
    if not any(pattern and fnmatchcase(parsed.host.lower(), pattern) for pattern in patterns):
        raise BadRequest(f"recordings are not fetched from {parsed.host}", field="url")
    return parsed
