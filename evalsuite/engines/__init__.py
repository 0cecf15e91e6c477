"""Engines: texts to vectors (encoders), and token ids to answers (generators).

``load.py`` loads one and is the door of this room. ``protocols.py`` says what an engine can do;
whoever uses one knows only that. An engine knows no task, no mteb and no lm-eval: instructions,
templates and prompts are made before.

A text that is to be embedded passes these layers. Each has the method ``encode`` or ``embed``, and
each does one thing::

    a kind of task                                     (in a harness process)
      │ encode(texts, prefix)
    CachedEncoder        vectors/cached_encoder.py     drops repetitions, reads stored vectors, cuts
      │ one shard of 256 to 1,024 new texts            the other texts into shards and stores them
    RemoteEncoder        remote.py                     sends a shard, announces the next one
      ┊ socket
    Serving              run/workers/serving.py        (in the engine's process, a thread)
      │ prepare(texts, prefix)                         tokenises the shard: text_tokens.py
    queue of calls       run/workers/answering.py      orders shards by job
      │ embed(prepared)                                (the engine's thread)
    BatchedEncoder       batched_encoder.py            checks that vectors are finite
    LengthBatcher        length_batches.py             batches by tokens, smaller if memory lacks
    ParallelBatches      parallel_batches.py           on a CPU, a core for each batch
      │ one batch
    _forward             transformers/, vllm/          the model's pass, and pooling.py

A job that has the engine in its own process (kinds ``rag`` and ``rerank``) skips the two layers
around the socket. vLLM makes batches itself: ``call_scheduler.py`` keeps it filled.

A prompt takes a shorter way: ``RemoteGenerator`` → socket → queue of calls → ``generate`` of
``transformers/generator.py``, or of ``vllm/generator.py``, which works at several calls together
(``call_scheduler.py``).

One model embeds and generates from the caches of its passes over texts (kind ``rag``):
``transformers/unified_model.py``. It batches by ``length_batches.py`` too.
"""
