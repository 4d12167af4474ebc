"""Coverage-guided fuzzing of the parsers that read strangers' bytes, with atheris (`pip install atheris`).

    .venv/bin/python tools/fuzz_parsers.py --parser webm_opus --seconds 3600 [--corpus FOLDER]

Starts from damaged-free recordings that it encodes itself, or from FOLDER, where it keeps what it finds. Ends with an
error, and the input in `crash-*`, when a parser raises what it should not, or needs too long or too much memory.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["service.audio"]):
    from service.audio.container import read_file
    from service.audio.stream_decoder import ENCODINGS, StreamDecoder, StreamFormat
    from service.errors import BadRequest

FILE = "file"  # the container parser, behind which is FFmpeg
LONGEST_S = 60.0
SLOWEST_S = 20
MEMORY_MB = 2_048


def read_stream(encoding: str, data: bytes) -> None:
    """The first byte tells how long the pieces are in which the others come."""
    decoder, size = StreamDecoder(StreamFormat(encoding)), 1 + 8 * data[0]
    for at in range(1, len(data), size):
        decoder.feed(data[at : at + size])
        decoder = StreamDecoder.restore(StreamFormat(encoding), decoder.snapshot())
    decoder.flush()


def read_upload(data: bytes) -> None:
    for _ in read_file(io.BytesIO(data[1:]), max_seconds=LONGEST_S):
        pass


def seeds(parser: str) -> list[bytes]:
    """A short recording as the parser likes it."""
    import numpy as np

    from tests.unit.audio.encoded import encode, stream

    noise = np.random.default_rng(7).integers(-9_000, 9_000, 4_000).astype(np.int16)
    if parser == FILE:
        kinds = (("ipod", "aac"), ("matroska", "libopus"), ("ogg", "libopus"), ("wav", "pcm_s16le"), ("flac", "flac"))
        return [b"\0" + encode(noise, kind, codec, 48_000) for kind, codec in kinds]
    return [b"\x20" + b"".join(stream(noise, StreamFormat(parser)))]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--parser", choices=(*ENCODINGS, FILE), required=True)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--corpus", type=Path, help="folder of inputs; a temporary one where none is named")
    asked = options.parse_args()
    corpus = asked.corpus or Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(asked.parser)):
        (corpus / f"seed-{number}").write_bytes(seed)

    def run(data: bytes) -> None:
        if not data:
            return
        try:
            read_upload(data) if asked.parser == FILE else read_stream(asked.parser, data)
        except BadRequest:  # what a parser says of bad bytes
            return

    limits = [f"-max_total_time={asked.seconds}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={MEMORY_MB}"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, "-max_len=65536", "-print_final_stats=1"], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
