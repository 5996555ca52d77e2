"""``python -m mimicflow``: the command line."""

from mimicflow.cli import app

if __name__ == "__main__":
    app()
