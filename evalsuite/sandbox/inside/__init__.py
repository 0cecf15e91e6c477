"""What runs inside the sandbox: the only part of evalsuite that is visible there.

Two processes, each in a sandbox of its own: :mod:`answerer` holds the program that a model wrote,
:mod:`checker` the tests. They exchange plain data (:mod:`wire`), so the program can neither read
nor change what judges it. Standard library only.
"""
