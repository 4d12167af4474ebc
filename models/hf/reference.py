"""Whisper as transformers computes it in float32: what a conversion is compared with. Needs the extra `train`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from models.finetune.whisper import encode
from models.hf.model_bin import Float32
from service.errors import ModelUnavailable

MAX_NEW_TOKENS = 224  # as CTranslate2 and openai/whisper: half of the decoder's context


def load(folder: Path) -> WhisperForConditionalGeneration:
    """A model in float32, in main memory, for inference. Raises ModelUnavailable when the folder holds none."""
    try:
        model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    except Exception as error:  # whatever safetensors, transformers and torch raise for files that are broken
        reason = str(error).strip().splitlines()[0]
        raise ModelUnavailable(f"{folder} is no Whisper of transformers: {reason}", field="model") from error
    return model.eval()


class Reference:
    """Greedy decoding, one utterance at a time, with the suppressed tokens of the model's generation configuration."""

    def __init__(self, model: WhisperForConditionalGeneration) -> None:
        self._model = model
        self._banned = list(model.generation_config.suppress_tokens or ())
        self._banned_first = list(model.generation_config.begin_suppress_tokens or ())
        self._end = model.generation_config.eos_token_id

    def encode(self, mel: Float32) -> Float32:
        """Encoder output [frames / 2, d_model] for a mel of up to 30 s, [n_mels, frames]."""
        with torch.inference_mode():
            return np.asarray(encode(self._model.model.encoder, torch.from_numpy(mel[np.newaxis]))[0])

    def greedy(self, memory: Float32, prompt: Sequence[int]) -> list[int]:
        """The tokens after `prompt` without the end, which is missing after `MAX_NEW_TOKENS`."""
        states, new, cache, written = _states(memory), list(prompt), None, list[int]()
        with torch.inference_mode():
            while len(written) < MAX_NEW_TOKENS:
                output: Any = self._model(
                    encoder_outputs=states,
                    decoder_input_ids=torch.tensor([new]),
                    past_key_values=cache,
                    use_cache=True,
                )
                logits = output.logits[0, -1]
                logits[self._banned if written else [*self._banned, *self._banned_first]] = -torch.inf
                token = int(logits.argmax())
                if token == self._end:
                    break
                written.append(token)
                new, cache = [token], output.past_key_values
        return written

    def logits(self, memory: Float32, prompt: Sequence[int], tokens: Sequence[int]) -> Float32:
        """What each token, and the one after the last, was chosen from: [len(tokens) + 1, vocabulary]."""
        with torch.inference_mode():
            ids = torch.tensor([[*prompt, *tokens]])
            output: Any = self._model(encoder_outputs=_states(memory), decoder_input_ids=ids, use_cache=False)
        return np.asarray(output.logits[0, len(prompt) - 1 :])


def _states(memory: Float32) -> BaseModelOutput:
    return BaseModelOutput(last_hidden_state=torch.from_numpy(memory[np.newaxis]))
