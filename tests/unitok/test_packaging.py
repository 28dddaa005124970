"""The repository as a package: what is installed, what it needs, and that nothing hides another library."""

from __future__ import annotations

import ast
import itertools
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from setuptools import find_packages

import unitok
from unitok.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
SOURCES = {
    "unitok": ROOT,
    "unitok_tokenizers": ROOT / "tokenizers",
    "unitok_detokenizers": ROOT / "detokenizers",
}


def run_in_root(*argv: str) -> subprocess.CompletedProcess[str]:
    # Without PYTHONPATH, and in the root, as a user who has just installed it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def modules() -> Iterator[Path]:
    for package, folder in SOURCES.items():
        yield from (folder / package).rglob("*.py")


# ---- nothing hides the library named tokenizers


def test_the_outer_folders_are_not_packages() -> None:
    for folder in ("tokenizers", "detokenizers"):
        assert (ROOT / folder).is_dir()
        assert not (ROOT / folder / "__init__.py").exists()


def test_the_library_named_tokenizers_is_found_from_the_root() -> None:
    result = run_in_root(sys.executable, "-c", "import tokenizers; print(tokenizers.__version__)")
    assert result.returncode == 0, result.stderr
    assert Version(result.stdout.strip()) >= Version("0.20")


# ---- commands


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_from_the_root(verb: str) -> None:
    result = run_in_root(sys.executable, "-m", f"unitok.{verb}", "--help")
    assert result.returncode == 0, result.stderr
    assert "usage: " in result.stdout


def test_every_module_that_runs_is_a_verb() -> None:
    runs = {path.stem for path in (ROOT / "unitok").glob("*.py") if '__name__ == "__main__"' in path.read_text()}
    assert runs - {"cli"} == set(VERBS)


def test_the_console_script_runs_a_verb_as_python_does() -> None:
    assert PROJECT["scripts"] == {"unitok": "unitok.cli:main"}
    by_module = run_in_root(sys.executable, "-m", "unitok.generate", "--help")
    by_script = run_in_root(sys.executable, "-m", "unitok.cli", "generate", "--help")
    assert (by_script.returncode, by_script.stdout) == (0, by_module.stdout)
    refused = run_in_root(sys.executable, "-m", "unitok.cli", "generate", "--prompt", "")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: ") and refused.stderr.count("\n") == 1


def test_the_console_script_names_its_verbs() -> None:
    shown = run_in_root(sys.executable, "-m", "unitok.cli", "--help")
    assert shown.returncode == 0
    assert all(verb in shown.stdout for verb in VERBS)
    for argv in ([], ["draw"]):
        refused = run_in_root(sys.executable, "-m", "unitok.cli", *argv)
        assert refused.returncode == 2
        assert refused.stderr.startswith("error: ") and refused.stderr.count("\n") == 1
        assert "generate" in refused.stderr


def test_help_and_bad_options_import_nothing_heavy() -> None:
    script = """if True:
        import sys
        from unitok.generate import main
        assert main(["--prompt", "x", "--num", "0"]) == 2
        try:
            main(["--help"])
        except SystemExit as end:
            assert end.code == 0
        print(sorted({"torch", "transformers", "numpy", "PIL"} & sys.modules.keys()))
    """
    result = run_in_root(sys.executable, "-c", script)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


# ---- what an installation holds


def test_every_folder_with_modules_is_installed() -> None:
    settings = PYPROJECT["tool"]["setuptools"]["packages"]["find"]
    found = {
        name
        for where in settings["where"]
        for name in find_packages(str(ROOT / where), settings["exclude"], settings["include"])
    }
    expected = {
        ".".join(path.parent.relative_to(folder).parts)
        for package, folder in SOURCES.items()
        for path in (folder / package).rglob("*.py")
    }
    assert found == expected


def test_the_version_is_said_once_and_the_same() -> None:
    assert PROJECT["version"] == unitok.__version__
    assert f"## {unitok.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# ---- what it needs


def third_party_imports() -> dict[str, set[str]]:
    """Name of each imported distribution -> the files that import it."""
    homes = packages_distributions()
    users: dict[str, set[str]] = {}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - SOURCES.keys():
                for home in homes.get(name, [name]):
                    users.setdefault(canonicalize_name(home), set()).add(str(path.relative_to(ROOT)))
    return users


def test_what_is_imported_is_asked_for() -> None:
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    extras = PROJECT["optional-dependencies"]
    optional = {
        canonicalize_name(Requirement(line).name) for name in ("evaluate", "lora", "onnx") for line in extras[name]
    }
    users = third_party_imports()
    assert {name: sorted(files) for name, files in users.items() if name not in declared | optional} == {}
    assert declared - users.keys() == set(), "asked for, but not imported anywhere"


def test_the_constraints_are_exact_and_fit_what_is_asked_for() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions: dict[str, Version] = {}
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        version = Version(specifier.version)
        assert version.local is None, f"{pin} is only on one index"
        versions[canonicalize_name(pin.name)] = version
    assert len(versions) == len(pins)
    for line in [*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())]:
        requirement = Requirement(line)
        if requirement.name != PROJECT["name"]:
            assert versions[canonicalize_name(requirement.name)] in requirement.specifier
