"""`python -m sinch_hosting` is the command `sinch-hosting`."""

from .cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
