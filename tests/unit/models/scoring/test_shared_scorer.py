"""Our figures against those of the evaluation set's own scorer, on its own transcripts, to the last digit."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scoring.manifest import read_manifests, read_transcripts
from models.scoring.normalise import tokens
from models.scoring.table import PhraseLists, details, score

EVAL = Path(__file__).parents[5] / "shared" / "eval"
MANIFESTS = ("crm_bias", "crm_multi", "human", "noisy", "long", "nonspeech")
GROUPS = ("language", "voice", "noise", "snr")
LANGUAGES = ("en", "fr", "es", "it", "ru", "zh", "ja", "de")
TRICKY = """
won't can not n't let's he's i'd $5 £ 3.50 € % 1,000 1st 100th 12:00 3:30 2.5 hundred and thousand one Mr St. ё й
l'eau d’or _ - — … Ⅷ 時間 臺灣 ば カ 가 é ß ² ٣٤ 123456 12345678 007 x1 ' 5'6
"""
FRAGMENTS = st.lists(st.sampled_from(TRICKY.split()))

pytestmark = pytest.mark.skipif(not EVAL.is_dir(), reason="no evaluation set beside this checkout (../shared/eval)")


@pytest.fixture(scope="module")
def shared() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_score", EVAL / "score.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)  # the folder is not ours
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("phrases", [None, "en_100", "en_1000", "en_5000", "zh_500", "fr_500", "es_500", "it_500"])
def test_all_figures_are_equal(shared: ModuleType, manifest: str, phrases: str | None) -> None:
    listed = json.loads((EVAL / "lists" / f"{phrases}.json").read_text("utf-8"))["phrases"] if phrases else []
    path = EVAL / f"{manifest}.jsonl"
    items = read_manifests([path])
    texts = read_transcripts(EVAL / "baseline" / "whisper_base_int8_beam1.jsonl")
    texts.pop(items[-1].id)  # one that is missing
    result = score(items, texts, PhraseLists(listed), GROUPS)
    their_details: list[object] = []
    theirs = shared.score(shared.read_jsonl(path), texts, listed, GROUPS, their_details)
    assert json.dumps(result.as_json()) == json.dumps(theirs)
    assert details(items, texts, result) == their_details


@given(text=st.one_of(st.text(), FRAGMENTS.map(" ".join), FRAGMENTS.map("".join)))
def test_tokens_are_equal(shared: ModuleType, text: str) -> None:
    for language in LANGUAGES:
        assert tokens(text, language) == shared.tokens(text, language)
