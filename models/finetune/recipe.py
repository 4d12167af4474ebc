"""A recipe: how to fine-tune, as a YAML file in which every value is named, and a misspelt name is refused.

What is trained on is no part of it: that comes with the command, so one recipe serves many data sets.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.biasing.selection import MAX_PROMPTED
from service.decoding.windows import BUCKETS_S, MAX_SAMPLES, MIN_PADDING
from service.errors import BadRequest
from service.transcript import SAMPLE_RATE

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Lora(Section):
    """Low-rank adapters (Hu et al. 2021): each target layer W becomes W + alpha / rank · B A.

    `targets`: names of linear layers (`q_proj`, `k_proj`, `v_proj`, `out_proj`, `fc1`, `fc2`); `encoder`, `decoder`:
    whose. An encoder without adapters is not differentiated, which halves a step. `final_scale`: the share of what was
    learnt that the written adapters add, W + final_scale · alpha / rank · B A: between the model as it was and as
    trained, more of what it knew is kept than of what it learnt is lost (Wortsman et al. 2022, arXiv 2109.01903).
    """

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    targets: tuple[Literal["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"], ...] = ("q_proj", "v_proj")
    encoder: bool = True
    decoder: bool = True
    final_scale: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _trains_something(self) -> "Lora":
        if not self.targets or not (self.encoder or self.decoder):
            raise ValueError("no layer is left to train")
        return self


class Optimizer(Section):
    """AdamW; the rate rises from 0 over `warmup_steps`, then falls to `final_share` of itself at `steps`.

    A step is `batch_size` clips × `accumulate` batches × processes.
    """

    learning_rate: Annotated[float, Field(gt=0)]
    steps: Positive
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    final_share: Share = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    batch_size: Positive
    accumulate: Positive = 1


class Limits(Section):
    """Clips outside are left out, and told."""

    min_duration_s: Annotated[float, Field(ge=0)] = 0.3
    max_duration_s: Annotated[float, Field(gt=0, le=MAX_SAMPLES / SAMPLE_RATE)] = MAX_SAMPLES / SAMPLE_RATE
    max_tokens: Annotated[int, Field(ge=1, le=220)] = 200


class Windows(Section):
    """How much padded audio the encoder sees: the smallest of `sizes_s` that holds a clip and `min_padding_s` after it,
    or, for a `wider` share of the clips, any of those that hold it."""

    sizes_s: tuple[Annotated[int, Field(ge=1, le=30)], ...] = BUCKETS_S
    min_padding_s: Annotated[float, Field(ge=0.1)] = MIN_PADDING / SAMPLE_RATE
    wider: Share = 0.0

    @model_validator(mode="after")
    def _rises(self) -> "Windows":
        if not self.sizes_s or list(self.sizes_s) != sorted(set(self.sizes_s)):
            raise ValueError("sizes_s must rise")
        return self


class SpecAugment(Section):
    """Stripes of the spectrogram replaced by its mean (Park et al. 2019); widths are drawn up to the largest."""

    time_masks: Annotated[int, Field(ge=0)] = 2
    time_width_s: Annotated[float, Field(ge=0)] = 0.4
    time_share: Share = 0.2  # of the clip at most, by each mask
    mel_masks: Annotated[int, Field(ge=0)] = 2
    mel_width: Annotated[int, Field(ge=0)] = 12  # bands


class BiasPrompts(Section):
    """Short lists before a `share` of the clips, in the form that boosted decoding prompts with.

    `without_spoken`: share of the lists that hold nothing that is said. `recall`: chance of each spoken phrase to be on
    the others. `near`: share of the further phrases that sound like words of the clip, as retrieval finds them.
    """

    share: Share = 0.7
    without_spoken: Share = 0.4
    recall: Annotated[float, Field(gt=0, le=1)] = 0.9
    near: Share = 0.5
    max_phrases: Annotated[int, Field(ge=1, le=MAX_PROMPTED)] = MAX_PROMPTED


class HeldOut(Section):
    """Every `every` steps the held-out clips are scored; the adapters with the best `metric` are kept, and training
    ends after `patience` times without a better one. `wer_clips`: how many are decoded, for word errors and loops."""

    every: Positive
    metric: Literal["loss", "wer"] = "loss"
    patience: Positive = 5
    wer_clips: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _decodes_what_it_is_judged_by(self) -> "HeldOut":
        if self.metric == "wer" and not self.wer_clips:
            raise ValueError("metric wer needs wer_clips")
        return self


class Checkpoints(Section):
    """Written every `every` steps; the last `keep` stay, and the best."""

    every: Positive
    keep: Positive = 2


class Recipe(Section):
    """`unlikelihood`: weight of the loss on tokens of the prompt and of the text so far that come again where they do
    not belong (see losses.py); 0 is off. `precision`: of the frozen weights and of arithmetic; adapters are float32.
    `gradient_checkpointing`: activations are computed twice instead of kept. `encodings`: where the encoder does not
    learn, a clip has so many windows and masks, taken in turn, and what the encoder makes of each is computed once and
    kept in memory (3 MB for 30 s of base); None: always others, computed anew."""

    seed: Annotated[int, Field(ge=0)] = 1
    lora: Lora
    optimizer: Optimizer
    limits: Limits = Limits()
    windows: Windows = Windows()
    spec_augment: SpecAugment | None = SpecAugment()
    encodings: Positive | None = None
    bias_prompts: BiasPrompts | None = None
    unlikelihood: Annotated[float, Field(ge=0)] = 0.0
    held_out: HeldOut
    checkpoints: Checkpoints
    precision: Literal["float32", "bf16"] = "float32"
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _keeps_only_what_stays(self) -> "Recipe":
        if self.encodings is not None and self.lora.encoder:
            raise ValueError("encodings can be kept only of an encoder that does not learn: lora.encoder must be false")
        return self


def read_recipe(path: Path) -> Recipe:
    """Raises BadRequest that names file and key for anything that is no recipe."""
    import yaml  # comes with the extra `train`

    try:
        values: Any = yaml.safe_load(path.read_text("utf-8"))
        return Recipe.model_validate(values)
    except OSError as error:
        raise BadRequest(f"{path}: {error.strerror}", field="recipe") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path}: not YAML: {' '.join(str(error).split())}", field="recipe") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "recipe"
        problem = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
        raise BadRequest(f"{path}: {name}: {problem}", field=name) from error
