"""Configuration of the documentation."""

import sys
from pathlib import Path

import skmc

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skmc"
author = "The skmc developers"
copyright = author
release = version = skmc.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "changes",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["skmc.css"]
# Backquotes mark names, as in docstrings.
default_role = "literal"

autosummary_generate = True
# What scikit-learn gives to every estimator is documented there.
autosummary_context = {
    "shown_methods": [
        "fit",
        "transform",
        "fit_transform",
        "inverse_transform",
        "score",
        "leave_one_out",
        "predict_entries",
        "predict_entries_interval",
        "predict_interval",
        "sample",
        "recommend",
        "row_factors",
        "row_offsets",
        "get_feature_names_out",
        "predict",
        "split",
        "get_n_splits",
        # Displays.
        "from_estimator",
        "from_estimators",
        "from_matrix",
        "from_predictions",
        "plot",
        # Reports.
        "confidence_interval",
        "to_frame",
        "to_html",
        "to_matrix",
        "entries",
        "rate",
        "iterations_needed",
    ]
}
autodoc_typehints = "none"
# Beside a page there is room for names of methods, not for that of their class in front of each.
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "copyfile_regex": r".*\.rst",
    "ignore_pattern": "output",
    "abort_on_example_error": True,
    "write_computation_times": False,
    "show_memory": False,
    "download_all_examples": False,
}
# Figures of the examples are not pickled with the environment.
suppress_warnings = ["config.cache"]

html_theme = "pydata_sphinx_theme"
html_title = "skmc"
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "header_links_before_dropdown": 4,
}
# Pages of the top level have no subpages to show beside them.
html_sidebars = {"*": []}
