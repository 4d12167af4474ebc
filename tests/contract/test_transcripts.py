"""Transcripts that scores are computed from: none is silently short."""

from pathlib import Path

import pytest

from loadtest.transcripts import Wish, transcripts
from service.errors import Failed
from tests.contract.protocol_server import ProtocolServer, Session

CLIP = Path(__file__).parents[1] / "data" / "human-en-vm-newuser.flac"


async def test_utterance_that_a_stream_loses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(session: Session, end: int, **_: str) -> None:
        session.log(type="error", id=str(session.finalised), code="decode_failed", message="it was lost")
        session.finalised = end

    monkeypatch.setattr(Session, "finalise", lose)
    async with ProtocolServer().running() as url:
        with pytest.raises(Failed, match=r"newuser\.flac: it was lost"):
            await transcripts(url, [Wish(CLIP)], live=True)


async def test_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(Failed, match=r"newuser\.flac: no server answers"):
        await transcripts("http://127.0.0.1:9", [Wish(CLIP)])
