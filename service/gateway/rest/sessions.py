"""`/v1/sessions/{session}`: the finals of a live stream, where its tenant has them kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from service.gateway.auth import caller_of
from service.gateway.context import Gateway
from service.gateway.rest.described import described
from service.gateway.rest.transcription import Transcription
from service.log.transcripts import Transcripts

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

SessionId = Annotated[str, Path(pattern="^s_[0-9a-f]{32}$", description="as `started` told it")]


class KeptSession(BaseModel):
    """`created` is Unix time in seconds; `finals` are the events of that type, without `seq`."""

    model_config = ConfigDict(extra="forbid")

    id: str
    object: str = "session"
    created: float
    expires_in_s: int
    text: str
    finals: list[dict[str, Any]]


@router.get("/{session}", summary="The transcript of a stream", responses=described(KeptSession, 400, 401, 404, 503))
async def get(request: Request, session: SessionId) -> KeptSession:
    kept = await _transcripts(request).get(session, caller_of(request).tenant.id)
    return KeptSession(
        id=session,
        created=kept.created,
        expires_in_s=kept.expires_in_s,
        text=Transcription(kept.finals, 0.0).text,
        finals=list(kept.finals),
    )


@router.delete(
    "/{session}",
    status_code=204,
    summary="Forget the transcript of a stream",
    responses=described(None, 400, 401, 404, 503, status=204),
)
async def delete(request: Request, session: SessionId) -> Response:
    await _transcripts(request).delete(session, caller_of(request).tenant.id)
    return Response(status_code=204)


def _transcripts(request: Request) -> Transcripts:
    gateway: Gateway = request.app.state.gateway
    return Transcripts(gateway.store)
