"""Whisper of transformers under training: adapters, short windows, losses of what it is to write.

Needs the extra `train`; `models.hf.packages.require_training` says so in one line.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import WhisperForConditionalGeneration
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from models.finetune.collation import IGNORED
from models.finetune.losses import cross_entropy, unlikelihood
from models.finetune.recipe import Lora, Recipe
from service.errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class Losses:
    """Sums over the scored tokens of a batch, in nats: scalars."""

    cross_entropy: Tensor
    unlikelihood: Tensor


def load_whisper(folder: Path, recipe: Recipe) -> WhisperForConditionalGeneration:
    """The frozen model, in the recipe's precision. Raises ModelUnavailable when the folder holds none."""
    try:
        whisper = WhisperForConditionalGeneration.from_pretrained(
            folder, dtype=torch.bfloat16 if recipe.precision == "bf16" else torch.float32, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelUnavailable(f"{folder} is no Whisper model of transformers: {reason}", field="model") from error
    whisper.requires_grad_(False)
    if recipe.gradient_checkpointing:
        whisper.gradient_checkpointing_enable({"use_reentrant": False})
    return whisper


def with_adapters(whisper: WhisperForConditionalGeneration, lora: Lora) -> PeftModel:
    """The model with new adapters, which change nothing yet."""
    parts = [part for part in ("encoder", "decoder") if getattr(lora, part)]
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=rf"model\.({'|'.join(parts)})\..*\.({'|'.join(lora.targets)})",
    )
    return get_peft_model(whisper, config)


def encode(encoder: WhisperEncoder, mels: Tensor) -> Tensor:
    """Encoder output [n, frames / 2, d_model] of mels [n, n_mels, frames] of up to 30 s.

    transformers insists on 30 s; a shorter window takes the first positions, as CTranslate2 does in service.
    """
    hidden = nn.functional.gelu(encoder.conv1(mels.to(encoder.conv1.weight.dtype)))
    hidden = nn.functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]].to(hidden.dtype)
    for layer in encoder.layers:
        hidden = layer(hidden, None)
    output: Tensor = encoder.layer_norm(hidden)
    return output


class TrainedWhisper(nn.Module):  # type: ignore[misc]
    """What a training process calls: a batch in, its losses out, all in one `forward`, as parallel training wants.

    `encoded`: it is called with encoder outputs, float32 [n, frames / 2, d_model], instead of mels [n, n_mels, frames].
    """

    def __init__(self, adapted: PeftModel, eot: int, *, encoded: bool = False) -> None:
        super().__init__()
        self.adapted = adapted
        self.eot = eot
        self.encoded = encoded

    @property
    def whisper(self) -> WhisperForConditionalGeneration:
        model = self.adapted.get_base_model()
        assert isinstance(model, WhisperForConditionalGeneration)
        return model

    def encoding(self, mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What the encoder makes of one mel [n_mels, frames]: [frames / 2, d_model], nothing to be differentiated."""
        encoder = self.whisper.model.encoder
        with torch.no_grad():
            output: npt.NDArray[np.float32] = (
                encode(encoder, torch.from_numpy(mel)[None].to(encoder.conv1.weight.device))[0].float().cpu().numpy()
            )
        return output

    def _memory(self, heard: Tensor) -> Tensor:
        encoder = self.whisper.model.encoder
        return heard.to(encoder.conv1.weight.dtype) if self.encoded else encode(encoder, heard)

    def forward(self, heard: Tensor, inputs: Tensor, labels: Tensor) -> Losses:
        """`heard`, `inputs` and `labels` as in `collation.Batch`."""
        body = self.whisper.model
        memory = self._memory(heard)
        hidden = body.decoder(input_ids=inputs, encoder_hidden_states=memory, use_cache=False).last_hidden_state
        scored = labels != IGNORED
        # the vocabulary is the decoder's dearest layer: not for prompts and padding
        logits = self.whisper.proj_out(hidden[scored]).float()
        targets = labels[scored]
        return Losses(
            cross_entropy(logits, targets), unlikelihood(logits, targets, inputs, scored, first_special=self.eot)
        )

    def greedy(self, heard: Tensor, prompts: Tensor, max_tokens: int) -> list[list[int]]:
        """Text tokens of each row, the likeliest each time. `prompts` int64 [n, m]: what stands before the text.

        To be called where gradients are off.
        """
        body = self.whisper.model
        memory = self._memory(heard)
        written = prompts.new_empty((len(prompts), 0))
        ended = torch.zeros(len(prompts), dtype=torch.bool, device=prompts.device)
        tokens, cache = prompts, None
        while written.shape[1] < max_tokens and not bool(ended.all()):
            output = body.decoder(input_ids=tokens, encoder_hidden_states=memory, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            logits = self.whisper.proj_out(output.last_hidden_state[:, -1])
            tokens = logits[:, : self.eot + 1].argmax(-1, keepdim=True)  # no special tokens but the end
            tokens[ended] = self.eot
            ended |= tokens[:, 0] == self.eot
            written = torch.cat([written, tokens], dim=1)
        return [[token for token in row if token != self.eot] for row in written.tolist()]
