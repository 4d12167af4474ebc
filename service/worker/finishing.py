"""From a hypothesis to the events a client reads, published under the turn's lease."""

from dataclasses import asdict, replace
from typing import Any

from service.log.event_log import Event
from service.log.publishing import Lease, Outcome, Publisher
from service.log.turns import Turn
from service.streaming import agreement as agreements
from service.streaming.captions import caption_of, final_of, partial_of
from service.streaming.redaction import Redaction, redact_final, redact_partial
from service.transcript import Final, Hypothesis, Match, Partial, TokenLogprob
from service.worker.bias_hits import BiasHits
from service.worker.loading import Loaded


def utterance_id(turn: Turn) -> str:
    """Unique per utterance, the same whichever worker publishes it."""
    return f"{turn.session}.{turn.utterance}"


class Finisher:
    def __init__(self, publisher: Publisher, hits: BiasHits) -> None:
        self._publisher = publisher
        self._hits = hits

    async def publish(self, loaded: Loaded, hypothesis: Hypothesis) -> Outcome:
        turn = loaded.claimed.turn
        if turn.kind == "partial":
            return await self._publish_partial(turn, loaded, hypothesis)
        end = turn.end if turn.end is not None else turn.start
        speech_end = turn.speech_end if turn.speech_end is not None else end
        final = final_of(loaded.agreement, hypothesis, turn.utterance, turn.start, speech_end)
        # an utterance without words is closed silently, unless a caption of it was shown and must be taken back, or
        # the protocol answers every utterance
        shown = bool(loaded.agreement.decided or loaded.agreement.tail)
        told = final.text or shown or turn.options.get("every_final")
        event = final_event(turn, _redacted(turn, final)) if told else None
        language = final.language if final.text else ""
        if turn.draft:
            caption = partial_event(turn, _hidden(turn, caption_of(loaded.agreement, final))) if final.text else None
            outcome = await self._publisher.draft(turn, loaded.lease, event, language, caption)
            if outcome != "confirmed":
                return outcome
        return await self._publish_final(turn, loaded.lease, end, event, language)

    async def publish_drafted(self, turn: Turn, lease: Lease) -> Outcome:
        """Publishes a final whose draft was decoded during the pause before its endpoint."""
        end = turn.end if turn.end is not None else turn.start
        return await self._publish_final(turn, lease, end, lease.drafted, lease.language or "")

    async def _publish_final(self, turn: Turn, lease: Lease, end: int, event: Event | None, language: str) -> Outcome:
        outcome = await self._publisher.final(turn, lease, end, event, language)
        if outcome == "ok":
            await self._hits.count(turn, event)
        return outcome

    async def _publish_partial(self, turn: Turn, loaded: Loaded, hypothesis: Hypothesis) -> Outcome:
        agreement = agreements.advance(loaded.agreement, hypothesis)
        window_end = loaded.window_start + loaded.window_samples
        partial = partial_of(agreement, hypothesis, turn.utterance, turn.start, window_end)
        if agreements.needs_trim(agreement, loaded.window_samples):
            agreement = agreements.trim(agreement, hypothesis, loaded.window_samples)
        event = partial_event(turn, _hidden(turn, partial)) if partial else None
        return await self._publisher.partial(turn, loaded.lease, agreements.dump(agreement), event)

    async def fail(self, turn: Turn, message: str) -> Outcome:
        """Answers the waiting caller of a turn that will not be decoded; a partial only frees its place, and a draft
        leaves the utterance to its final turn (`redo`: which must be asked for again)."""
        lease = await self._publisher.begin(turn)
        if isinstance(lease, str):
            return lease
        if turn.kind == "partial":
            return await self._publisher.partial(turn, lease, lease.agreement, None)
        if turn.draft:
            nothing_agreed = replace(lease, agreement=b"given up")
            return await self._publisher.draft(turn, nothing_agreed, None, "", None)
        end = turn.end if turn.end is not None else turn.start
        error = {
            "type": "error",
            "code": "decode_failed",
            "message": message,
            "field": None,
            "id": utterance_id(turn),
        }
        return await self._publisher.final(turn, lease, end, error)


def _redacted(turn: Turn, final: Final) -> Final:
    """The final as the tenant of its turn may have it told."""
    redaction = Redaction.of(turn.options)
    return redact_final(final, redaction) if redaction else final


def _hidden(turn: Turn, partial: Partial) -> Partial:
    redaction = Redaction.of(turn.options)
    return redact_partial(partial, redaction) if redaction else partial


def partial_event(turn: Turn, partial: Partial) -> Event:
    return {
        "type": "partial",
        "id": utterance_id(turn),
        "committed": partial.committed,
        "tentative": partial.tentative,
        "start": partial.start,
        "end": partial.end,
        "confidence": partial.confidence,
    }


def final_event(turn: Turn, final: Final) -> Event:
    """With the turn's option `logprobs` also the natural logarithm of each token's probability. The bytes of those
    tokens joined are the text as Whisper writes it, behind a space in most languages; `token` has a replacement
    character for a part of a character. Only OpenAI's protocols ask for them.
    """
    event: Event = {
        "type": "final",
        "id": utterance_id(turn),
        "text": final.text,
        "start": final.start,
        "end": final.end,
        "language": final.language,
        "words": [asdict(word) for word in final.words],
        "bias": [_match(match) for match in final.matches],
        "decode": {
            "tokens": list(final.tokens),
            "avg_logprob": round(final.avg_logprob, 4),
            "no_speech_prob": round(final.no_speech_prob, 4),
            "compression_ratio": round(final.compression_ratio, 3),
            "temperature": final.temperature,
        },
    }
    if turn.options.get("logprobs"):
        event["logprobs"] = [_logprob(token) for token in final.logprobs]
    return event


def _logprob(token: TokenLogprob) -> dict[str, Any]:
    return {
        "token": token.utf8.decode(errors="replace"),
        "bytes": list(token.utf8),
        "logprob": round(token.logprob, 5),
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "phrase": match.phrase,
        "first_word": match.first,
        "words": match.last - match.first,
        "heard": match.heard,
        "evidence": {"distance": match.distance, "gain": match.gain, "needed": match.needed},
    }
