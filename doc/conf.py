"""Configuration of Sphinx."""

import re
import subprocess
import sys
from pathlib import Path

# The gallery looks up the names that examples import, also when it does not run them.
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

import skebm

HERE = Path(__file__).parent

project = "skebm"
author = "The skebm developers"
copyright = "2026, The skebm developers"
release = version = skebm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
]
exclude_patterns = ["_build", "_code", "_templates", "whats_new/fragments"]
templates_path = ["_templates"]
default_role = "literal"

# The API pages show what __all__ names, wherever it was defined.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_theme_options = {"show_prev_next": False}
html_show_sourcelink = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
}
# Written by the gallery, with a configuration value that cannot be pickled.
suppress_warnings = ["config.cache"]


def write_unreleased(app):
    """Put together the notes of changes that are not in the changelog yet."""
    command = ["-m", "towncrier", "build", "--draft", "--version", "unreleased"]
    notes = subprocess.run(
        [sys.executable, *command], cwd=HERE.parent, capture_output=True, check=True
    ).stdout.decode()
    # The page has the heading; the sections below it become the next level.
    notes = re.sub(r"^## .*$", "", notes, flags=re.MULTILINE)
    notes = re.sub(r"^### (.*)$", r"**\1**", notes, flags=re.MULTILINE)
    target = HERE / "generated" / "unreleased.inc"
    target.parent.mkdir(exist_ok=True)
    target.write_text(notes or "None.\n", encoding="utf-8")


def skip_member(app, what, name, obj, skip, options):
    """Leave out methods that scikit-learn writes, whose text links to its own guide."""
    theirs = r"set_\w+_request|get_metadata_routing|set_output"
    return skip or bool(re.fullmatch(theirs, name))


def setup(app):
    """Connect the hooks."""
    app.connect("builder-inited", write_unreleased)
    app.connect("autodoc-skip-member", skip_member)
