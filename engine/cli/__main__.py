"""`python -m engine.cli`, for where no `tocsin` is on the path."""

from engine.cli import main

if __name__ == "__main__":
    main()
