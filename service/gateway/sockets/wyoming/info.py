"""What the listener says of itself: one program, the models that workers serve now."""

from wyoming.info import AsrModel, AsrProgram, Attribution, Info

from service import __version__
from service.gateway.context import Gateway

WHISPER = Attribution("OpenAI", "https://github.com/openai/whisper")


async def info_of(gateway: Gateway) -> Info:
    """The model of requests that name none comes first. Raises NoWorkers while nobody serves that."""
    default = await gateway.admission.model(await gateway.admission.default(), None)
    languages = (await gateway.admission.load()).offered
    models = [_model(name, languages[name]) for name in sorted(languages, key=lambda name: (name != default, name))]
    program = AsrProgram(
        name="sotto",
        attribution=WHISPER,
        installed=True,
        description="Sotto",
        version=__version__,
        models=models,
        supports_transcript_streaming=True,
    )
    return Info(asr=[program])


def _model(name: str, languages: tuple[str, ...]) -> AsrModel:
    return AsrModel(
        name=name,
        attribution=WHISPER,
        installed=True,
        description=f"Whisper {name}",
        version=None,
        languages=list(languages),
    )
