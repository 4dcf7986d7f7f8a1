"""`storehaus demo`: the main job on real data, and an example to read.

`airport` is a model, `steps` what can be done with its store, `place` where it all happens.
"""
