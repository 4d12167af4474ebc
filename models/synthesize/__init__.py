"""Speech from text: voices that speak sentences, rooms and noises that they are heard in, and what is thrown away.

`voice` says what a backend is; `kokoro`, `piper`, `endpoint` and `chattts` are four. `casting` decides who says what
and how fast, `pronunciation` and `spoken_form` in which words, `recipe` what is done to the sound; `acoustics` does it,
`quality` judges. Everything that is drawn by lot is drawn from the id of the clip: the same inputs give the same clips
in any order, on any machine.
"""
