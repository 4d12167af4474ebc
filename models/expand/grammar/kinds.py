"""Which phrases may take each other's places: the classes of the list, or classes inferred where it has none.

Phrases that stand in like contexts in the seeds, and look alike, are one class; phrases that no seed has join the
class they look most like. With few seeds that is rough: a `class` in the list is always better.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from models.expand.keywords import Keyword
from models.expand.phrases import PhraseMatcher
from models.manifest import Example

LEAST_LIKENESS = 0.2  # cosine from which two groups are one class
LONGEST_TITLE = 4  # letters
_NEAR = 2  # words on either side
_WEIGHTS = {"title": 2.0, "shape": 1.0, "words": 0.7, "ending": 0.6, "before": 1.0, "after": 0.7, "domain": 1.5}

Features = Mapping[str, float]


def kinds_of(keywords: Sequence[Keyword], seeds: Sequence[Example], matcher: PhraseMatcher) -> dict[str, str]:
    """A class for each phrase of the list and each that only the seeds name; inferred ones are called `~1`, `~2`, …"""
    known = {keyword.phrase: keyword.kind for keyword in keywords if keyword.kind}
    contexts = _contexts(seeds, matcher)
    phrases = dict.fromkeys([*(keyword.phrase for keyword in keywords), *contexts])
    features = _weighted({phrase: _features(phrase, contexts.get(phrase, ())) for phrase in phrases})
    groups: dict[str, list[str]] = defaultdict(list)
    for phrase, kind in known.items():
        groups[kind].append(phrase)
    seen = [phrase for phrase in contexts if phrase not in known]
    for number, group in enumerate(_clusters(seen, features), start=1):
        groups[_nearest(group, groups, features, LEAST_LIKENESS) or f"~{number}"] += group
    for phrase in phrases:
        if phrase not in known and phrase not in contexts:
            groups[_nearest([phrase], groups, features, 0.0) or "~0"].append(phrase)
    return {phrase: kind for kind, group in groups.items() for phrase in group}


def _contexts(seeds: Iterable[Example], matcher: PhraseMatcher) -> dict[str, list[str]]:
    """What stands around each phrase in the seeds, as features."""
    found: dict[str, list[str]] = defaultdict(list)
    for seed in seeds:
        for start, end in matcher.find(seed.text):
            around = found[seed.text[start:end]]
            before, after = seed.text[:start].lower().split(), seed.text[end:].lower().split()
            around += [f"before:{word}" for word in before[-_NEAR:] or ["^"]]
            around += [f"after:{word}" for word in after[:_NEAR] or ["$"]]
            if domain := seed.extra.get("domain"):
                around.append(f"domain:{domain}")
    return dict(found)


def _features(phrase: str, context: Iterable[str]) -> Counter[str]:
    words = phrase.split()
    form = [f"words:{min(len(words), 3)}", f"shape:{'upper' if words[0][:1].isupper() else 'lower'}"]
    form += [f"ending:{words[-1][-3:].lower()}"]
    if len(words) > 1 and len(words[0].rstrip(".")) <= LONGEST_TITLE and words[0].istitle():
        form.append(f"title:{words[0].rstrip('.').lower()}")
    return Counter([*form, *context])


def _weighted(features: Mapping[str, Counter[str]]) -> dict[str, Features]:
    """What few phrases share says more."""
    shared = Counter(name for counts in features.values() for name in counts)
    return {
        phrase: {
            name: _WEIGHTS[name.split(":")[0]] * math.log1p(count) * math.log(1 + len(features) / shared[name])
            for name, count in counts.items()
        }
        for phrase, counts in features.items()
    }


def _clusters(phrases: Sequence[str], features: Mapping[str, Features]) -> list[list[str]]:
    """Agglomerative, by average likeness."""
    groups = [[phrase] for phrase in phrases]
    likeness = {(one, other): _cosine(features[one], features[other]) for one in phrases for other in phrases}

    def average(one: list[str], other: list[str]) -> float:
        return sum(likeness[a, b] for a in one for b in other) / (len(one) * len(other))

    while len(groups) > 1:
        best, i, j = max((average(groups[i], groups[j]), i, j) for j in range(len(groups)) for i in range(j))
        if best < LEAST_LIKENESS:
            break
        groups[i] += groups.pop(j)
    return groups


def _nearest(
    phrases: Sequence[str], groups: Mapping[str, Sequence[str]], features: Mapping[str, Features], least: float
) -> str | None:
    def likeness(kind: str) -> float:
        pairs = [_cosine(features[one], features[other]) for one in phrases for other in groups[kind]]
        return sum(pairs) / len(pairs)

    best = max(groups, key=likeness, default=None)
    return best if best is not None and likeness(best) > least else None


def _cosine(one: Features, other: Features) -> float:
    shared = sum(weight * other.get(name, 0.0) for name, weight in one.items())
    return shared / math.sqrt(sum(w * w for w in one.values()) * sum(w * w for w in other.values()))
