import shutil

import pytest

from service.decoding.vocabulary import MAX_PROMPT, PROMPT_LENGTHS, Vocabulary
from service.errors import ModelUnavailable

SENTENCES = {
    "en": " She said \"call Mrs. O'Neill back\", didn't she? At 3:30.",
    "fr": " L'été dernier, Zoé a vu l'œuvre : c'était prêt !",
    "ru": " Набранный вами номер отключён.",
    "zh": "他問了Audemars Piguet的價格，很喜歡。",
    "es": " ¿Dónde está el niño?",
}


@pytest.fixture(scope="module")
def vocabulary(base_model_dir):
    return Vocabulary(base_model_dir, multilingual=True)


@pytest.mark.parametrize("language", SENTENCES)
def test_words_spell_exactly_their_tokens(vocabulary, language):
    tokens = vocabulary._tokens.encode(SENTENCES[language], add_special_tokens=False).ids
    pieces = vocabulary.pieces(tokens, language)
    assert "".join(piece.text for piece in pieces) == SENTENCES[language]
    assert [token for piece in pieces for token in piece.tokens] == tokens


def test_punctuation_belongs_to_the_word_beside_it(vocabulary):
    tokens = vocabulary._tokens.encode(' Yes, "really".', add_special_tokens=False).ids
    assert [piece.text for piece in vocabulary.pieces(tokens, "en")] == [" Yes,", ' "really".']


def test_languages_are_those_of_the_model(vocabulary):
    assert len(vocabulary.languages) == 99
    assert {"en", "fr", "zh", "ru"} <= set(vocabulary.languages)


@pytest.mark.parametrize("prompt", ["", "   "])
def test_no_prompt_costs_no_tokens(vocabulary, prompt):
    assert vocabulary.previous(prompt) == []


@pytest.mark.parametrize("words", [1, 20, 60, 500])
def test_prompts_have_few_lengths_so_that_they_batch(vocabulary, words):
    tokens = vocabulary.previous("Cucinelli " * words)
    assert len(tokens) in PROMPT_LENGTHS
    assert len(tokens) <= MAX_PROMPT


def test_a_long_prompt_keeps_its_end(vocabulary):
    assert vocabulary.text(vocabulary.previous("word " * 500 + "Brunello Cucinelli")[1:]).endswith("Brunello Cucinelli")


def test_a_broken_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        Vocabulary(tmp_path, multilingual=True)


def test_a_missing_tokenizer_is_named(tmp_path):
    shutil.rmtree(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json"):
        Vocabulary(tmp_path, multilingual=True)
