"""Stage `evaluate`: one model's transcripts judged, or two models' compared, with figures that say how sure they are.

Errors and phrases are counted by `models.scoring`; here they become metrics, confidence intervals, tests and a report.
"""
