"""A *performance model*: the sizes and the data path of a large fused model with random weights.

It is there to measure what an engine and a device can do. What it says is random words.
"""
