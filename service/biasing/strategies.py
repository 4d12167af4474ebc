"""The parts of boosted decoding that can be switched off one by one, to measure what each is worth."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strategies:
    """All on, as the service runs.

    `weighted_distance`: phones that are easily confused are near; off, every edit costs the same.
    `alternatives`: phrases are looked for in the next best hypotheses of the beam, too.
    `readings`: a phrase may sound as other languages would read it; off, only as the speaker's or its own does.
    `second_pass`: another beam search with the phrases as prompt; off, only the splices are judged under it.
    `splices`: near misses of the second pass are put in by hand.
    `judgement`: the model is asked about what is doubtful; off, sound and spelling alone decide.
    `only_phrases`: nothing but words under a believed phrase changes; off, the second pass is taken as it is.
    `dominance`: a phrase that a rival beats clearly at the same words stays out of the prompt.
    """

    weighted_distance: bool = True
    alternatives: bool = True
    readings: bool = True
    second_pass: bool = True
    splices: bool = True
    judgement: bool = True
    only_phrases: bool = True
    dominance: bool = True


EVERY = Strategies()
