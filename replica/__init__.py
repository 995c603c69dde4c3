"""A small Hub of our own on loopback, for tests and the demo. Everything in it is synthetic.

    with Replica(sample_world()) as hub:
        ... scan hub.endpoint ...

It answers as the Hub's HTTP API does (lists, repositories, trees, refs, history, ranges), counts
what it is asked, and misbehaves on demand. The stock `huggingface_hub` client is the judge of its
shape: see tests/replica. It imports nothing of Reseen, so that the two cannot share a mistake.
"""
