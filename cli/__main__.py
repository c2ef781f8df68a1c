"""`python -m kdeblend.cli` is the command `kdeblend`."""

from kdeblend.cli.main import main

if __name__ == "__main__":
    main(prog_name="kdeblend")
