"""From texts and conversations to answers: what every kind that generates text uses.

``Prompter`` makes token ids of texts and conversations, for one checkpoint and without an engine.
``Client`` asks an engine and keeps each answer in a ``ResponseLog``. ``Decoding`` says how an
answer is generated.
"""
