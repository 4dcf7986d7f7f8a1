"""What users install is the built wheel, not the source tree."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

BUILD_SECONDS = 100

REPORT = """
import json, storehaus
print(json.dumps({"file": storehaus.__file__, "names": len(storehaus.__all__)}))
"""


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working copy."""
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target)],
        cwd=repository,
        check=True,
        capture_output=True,
        timeout=BUILD_SECONDS,
    )
    (built,) = target.glob("*.whl")
    return built


def test_wheel_imports(wheel: Path, tmp_path: Path) -> None:
    """The package imports from the wheel, with no help from the source tree."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    outcome = subprocess.run(
        [sys.executable, "-c", REPORT],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
    )
    report = json.loads(outcome.stdout)

    assert Path(report["file"]).is_relative_to(tmp_path / "site")
    assert report["names"] > 0


def test_wheel_holds_the_package_and_nothing_else(wheel: Path, repository: Path) -> None:
    """Every module, the typing marker and the metadata are in; tests and docs are not."""
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    source = repository / "src"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}

    assert modules <= shipped
    assert "storehaus/py.typed" in shipped
    assert {name.split("/")[0].split("-")[0] for name in shipped} == {"storehaus"}
