"""What is around the package: workflows, changelog fragments, wheels; none of it runs here."""

import re
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

_ROOT = Path(__file__).parents[1]
_GITHUB = sorted((_ROOT / ".github").rglob("*.yml"))
_WORKFLOWS = sorted((_ROOT / ".github" / "workflows").glob("*.yml"))
_CONFIG = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_PROJECT = _CONFIG["project"]


def _read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def _ci():
    return _read(_ROOT / ".github" / "workflows" / "ci.yml")


@pytest.mark.parametrize("path", _GITHUB, ids=lambda path: path.name)
def test_every_file_is_a_mapping_without_repeated_keys(path):
    def pairs(loader, node):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        return dict.fromkeys(keys)

    class Strict(yaml.SafeLoader):
        pass

    Strict.add_constructor("tag:yaml.org,2002:map", pairs)
    assert isinstance(_read(path), dict)
    yaml.load(path.read_text(encoding="utf-8"), Strict)


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_bounded_and_may_only_read(path):
    workflow = _read(path)
    # YAML takes the word "on" for a truth value.
    assert {"name", True, "permissions", "jobs"} <= set(workflow)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        assert set(job.get("needs", [])) <= set(workflow["jobs"]), name
        if "permissions" in job:
            assert job["permissions"] == {"id-token": "write"}, name
            assert job["environment"]["name"] == "pypi"
    for step in _steps(workflow):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            # A version, or for the action of PyPI the branch of a major one: never a moving main.
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+(\.\d+)*|release/v\d+)", step["uses"])


def test_the_oldest_dependencies_are_those_that_are_declared():
    (run,) = [s["run"] for s in _steps(_ci()) if s.get("name") == "Oldest dependencies"]
    pinned = dict(re.findall(r'"([\w-]+)==([\d.]+)\.\*"', run))
    extras = _PROJECT["optional-dependencies"]
    declared = [*_PROJECT["dependencies"], *extras["pandas"], *extras["plot"]]
    lower = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", need).groups() for need in declared)
    assert {name: lower[name] for name in pinned} == pinned
    assert {"numpy", "scipy", "scikit-learn"} <= set(pinned)


def test_all_versions_of_python_are_tested():
    tested = {entry["python"] for entry in _ci()["jobs"]["test"]["strategy"]["matrix"]["include"]}
    named = {re.search(r"3\.\d+$", c) for c in _PROJECT["classifiers"]}
    assert tested == {match[0] for match in named if match}
    assert (
        "cp" + _PROJECT["requires-python"].removeprefix(">=").replace(".", "") + "-*"
        == (_CONFIG["tool"]["cibuildwheel"]["build"])
    )
    assert _CONFIG["tool"]["meson-python"]["limited-api"] is True


def test_fragments_have_kinds_that_towncrier_knows():
    kinds = {kind["directory"] for kind in _CONFIG["tool"]["towncrier"]["type"]}
    fragments = {path.name for path in (_ROOT / "changelog.d").iterdir()} - {"README.md"}
    for name in fragments:
        match = re.fullmatch(r"(\d+|\+[\w-]+)\.(\w+)\.md", name)
        assert match, name
        assert match[2] in kinds, name
        text = (_ROOT / "changelog.d" / name).read_text(encoding="utf-8")
        assert text.strip(), name
    marker = _CONFIG["tool"]["towncrier"]["start_string"]
    assert marker in (_ROOT / _CONFIG["tool"]["towncrier"]["filename"]).read_text(encoding="utf-8")


def test_forms_ask_for_something():
    forms = [path for path in _GITHUB if path.parent.name == "ISSUE_TEMPLATE"]
    forms = [_read(path) for path in forms if path.name != "config.yml"]
    assert len(forms) == 2
    for form in forms:
        assert {"name", "description", "body"} <= set(form)
        required = [f for f in form["body"] if f.get("validations", {}).get("required")]
        assert required
        ids = [field["id"] for field in form["body"]]
        assert len(ids) == len(set(ids))
