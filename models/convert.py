"""From transformers to CTranslate2: the form that is served, compared with the one that was trained."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from models.agreement import Agreement, Bounds, compare, speech
from models.folder import new_folder, problems
from models.hf.packages import require_training
from service.errors import BadRequest, Failed, ModelUnavailable

REPORT = "conversion.json"
COPIED = ("tokenizer.json", "preprocessor_config.json")  # the last tells large-v3's 128 mel bands from 80
_COARSE = Bounds(rate=0.9, logit_difference=6)  # base: 97 % of the tokens, 2.8 and 3.3
BOUNDS = {  # by what weights are stored as; int8 with the rest in float16 and the like
    "float32": Bounds(rate=1, logit_difference=0.01),
    "float16": Bounds(rate=0.98, logit_difference=1),
    "bfloat16": Bounds(rate=0.95, logit_difference=3),
    "int16": _COARSE,
    "int8": _COARSE,
    "int8_float32": _COARSE,
    "int8_float16": _COARSE,
    "int8_bfloat16": _COARSE,
}


class ConversionDiffers(Failed):
    """A converted model that does not say what the original says."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`speech`: a manifest of recordings to compare on, up to `utterances` of them. `device`: cpu or cuda, where the
    converted model runs meanwhile. Raises BadRequest."""

    quantization: str
    bounds: Bounds
    speech: Path
    utterances: int = 20
    device: str = "cpu"


def bounds_of(quantization: str) -> Bounds:
    """How far a model may be off for being stored so. Raises BadRequest for what CTranslate2 does not know."""
    if quantization not in BOUNDS:
        raise BadRequest(f"{quantization!r} is none of {', '.join(BOUNDS)}", field="quantization")
    return BOUNDS[quantization]


def convert(model: Path, out: Path, conversion: Conversion) -> Agreement:
    """Writes `out`, a folder that Sotto serves, with what the comparison found in `conversion.json`.

    Raises ConversionDiffers, and leaves nothing, when a bound is broken; BadRequest when `out` exists or the speech
    cannot be read, ModelUnavailable when `model` is no Whisper of transformers, Failed when the disk takes no more,
    MissingPackage without the extra `train`.
    """
    require_training()
    from models.hf.reference import Reference, load

    examples = speech(conversion.speech, conversion.utterances)
    missing = [name for name in COPIED if not (model / name).is_file()]
    if missing:
        raise ModelUnavailable(f"{model} lacks {', '.join(missing)}", field="model")
    whisper = load(model)
    with new_folder(out) as folder:
        _convert(model, folder, conversion.quantization)
        if wrong := problems(folder):
            raise Failed(f"CTranslate2's converter wrote no whole model: {'; '.join(wrong)}")
        found = compare(Reference(whisper), folder, examples, conversion.device)
        if broken := conversion.bounds.broken_by(found):
            raise ConversionDiffers(f"not converted: {'; '.join(broken)} ({found})")
        report = {"quantization": conversion.quantization, "bounds": asdict(conversion.bounds), **asdict(found)}
        (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    return found


def _convert(model: Path, folder: Path, quantization: str) -> None:
    from ctranslate2.converters import TransformersConverter

    converter = TransformersConverter(str(model), copy_files=list(COPIED))
    converter.convert(str(folder), quantization=quantization, force=True)
