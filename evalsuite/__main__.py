"""``python -m evalsuite``, for where the console script is not on the path."""

from evalsuite.cli import main

if __name__ == "__main__":
    main()
