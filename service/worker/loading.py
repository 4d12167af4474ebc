"""From a claimed turn to an utterance that can be decoded: its lease, its audio, what is already committed."""

from dataclasses import dataclass, replace

from service.decoding.whisper import DecodeOptions, Utterance
from service.decoding.windows import MAX_SAMPLES, window_for
from service.errors import NotFound
from service.log.audio_log import AudioLog
from service.log.publishing import Lease, Publisher
from service.log.store import Store
from service.log.turns import Claimed
from service.streaming import agreement as agreements
from service.streaming.agreement import Agreement
from service.streaming.captions import language_for
from service.transcript import SAMPLE_RATE
from service.worker.bias_cache import BiasCache

PARTIAL_TEMPERATURES = (0.0,)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A turn ready to decode. `window_start` is the stream position of the first sample in `utterance`."""

    claimed: Claimed
    lease: Lease
    agreement: Agreement
    utterance: Utterance
    window_start: int
    bucket: float

    @property
    def window_samples(self) -> int:
        return len(self.utterance.samples)

    @property
    def is_first(self) -> bool:
        """Whether nothing of the utterance has been captioned yet."""
        return not self.agreement.tail and not self.agreement.decided

    def behind_committed(self) -> "Loaded":
        """The same final, to be decoded behind all words that were committed."""
        prefix = tuple(token for piece in self.agreement.decided for token in piece.tokens)
        return replace(self, utterance=replace(self.utterance, prefix=prefix))

    def without_bias(self) -> "Loaded":
        options = replace(self.utterance.options, bias=None)
        return replace(self, utterance=replace(self.utterance, options=options))


class Loader:
    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher
        self.biases = BiasCache(store)

    async def load(self, claimed: Claimed) -> Loaded | Lease | None:
        """The turn's audio under a fresh lease; the lease alone when its draft is decoded already; None when it needs
        no decoding any more.

        A partial takes all the audio there is by now, not what there was when it was asked for. Raises BadAudio or
        NotFound when the log cannot give the samples.
        """
        turn = claimed.turn
        lease = await self._publisher.begin(turn)
        if not isinstance(lease, Lease):
            return None
        if lease.is_drafted:
            return lease
        agreement = agreements.load(lease.agreement)
        partial = turn.kind == "partial"
        # a final sees the whole utterance afresh, so its text does not depend on when partials came
        start = turn.start + agreement.offset if partial else turn.start
        end = turn.end if turn.end is not None else min(lease.samples, start + MAX_SAMPLES)
        try:
            samples = await AudioLog(self._store, turn.session).read(start, end)
        except NotFound:
            if not partial:
                raise
            # its final was published meanwhile, with which the audio went: only the place for the next one is freed
            await self._publisher.partial(turn, lease, lease.agreement, None)
            return None
        wanted = dict(turn.options)
        wanted.pop("every_final", None)  # how to answer, not how to decode
        bias = await self.biases.bias(wanted.pop("bias", None), wanted.get("language"))
        options = DecodeOptions(**wanted, bias=bias)
        spoken_before = lease.language if not options.languages or lease.language in options.languages else None
        language = language_for(options.language, agreement, spoken_before, len(samples))
        options = replace(_for_partial(options, agreement) if partial else options, language=language)
        return Loaded(
            claimed=claimed,
            lease=lease,
            agreement=agreement,
            utterance=Utterance(samples, options, prefix=agreement.prefix if partial else ()),
            window_start=start,
            bucket=window_for(len(samples)) / SAMPLE_RATE,
        )


def _for_partial(options: DecodeOptions, agreement: Agreement) -> DecodeOptions:
    return replace(
        options,
        beam_size=1,
        temperatures=PARTIAL_TEMPERATURES,
        # a partial commits only what the alignment is sure of, and nothing at its first hypothesis
        word_times=bool(agreement.tail),
        logprobs=False,
        # names wait for their final: a partial is not worth a second pass
        bias=replace(options.bias, watch=True) if options.bias else None,
    )
