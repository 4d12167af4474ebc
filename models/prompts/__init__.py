"""The prompts for language models, in files beside this one; `$name` stands for what is filled in."""

from importlib.resources import files
from string import Template


def prompt(name: str, **values: object) -> str:
    """The prompt of that name, filled in. Raises KeyError for a value that is missing."""
    return Template(files(__name__).joinpath(f"{name}.txt").read_text("utf-8")).substitute(values).strip()
