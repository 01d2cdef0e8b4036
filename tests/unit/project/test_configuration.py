"""The variables of the code, of .env.example and of the reference are the same ones."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from candlehouse.cli import COMMANDS
from candlehouse.environment import read_env_file
from candlehouse.settings import load_settings
from candlehouse.variables import Variables
from support.places import PROJECT

ROOT = PROJECT
EXAMPLE = read_env_file(ROOT / ".env.example")
# Services and the like by section; YAML has no types.
Compose = dict[str, dict[str, dict[str, Any]]]


def read_code() -> dict[str, str]:
    """Variables that the code declares, with their defaults."""
    return {name.upper(): field.default for name, field in Variables.model_fields.items()}


def read_compose() -> set[str]:
    """Variables that docker-compose.yaml takes from .env."""
    return set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yaml").read_text()))


def read_reference() -> dict[str, str]:
    """Variables and defaults of the reference's tables, one per section of .env.example."""
    text = (ROOT / "docs/reference/configuration.md").read_text()
    part = text.partition("<!-- variables -->")[2].partition("<!-- /variables -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\| \S.*\|$", part, re.MULTILINE)
    tables = part.count("| variable | default |")
    lines = [line for line in part.splitlines() if line.startswith("|")]
    assert tables > 4
    assert len(rows) == len(lines) - 2 * tables, "every row has name, default, meaning"
    return dict(rows)


def test_example_has_every_variable_with_its_default() -> None:
    code = read_code()
    assert len(code) > 20
    assert {name: EXAMPLE.get(name) for name in code} == code
    assert set(EXAMPLE) == set(code) | read_compose()


def test_reference_has_every_variable_with_its_default() -> None:
    assert read_reference() == EXAMPLE


def test_example_itself_is_a_good_configuration() -> None:
    assert load_settings(EXAMPLE) == load_settings({})


def test_every_line_of_the_example_is_explained() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for before, line in pairwise(lines):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("# "), line


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded: Compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    return loaded


def test_compose_secrets_have_no_default() -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    for name in re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY)\w*)", text):
        assert f"${{{name}:?" in text
        assert not re.search(rf"\${{{name}(}}|:-|-)", text), name
        assert EXAMPLE[name] == ""


def test_compose_listens_on_loopback_only(
    compose: Compose,
) -> None:
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_compose_pins_its_images_like_the_requirements() -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    images = re.findall(r"(?:image: |FROM )(\S+)", text)
    pins = dict(
        line.split("==") for line in (ROOT / "requirements.txt").read_text().split() if "==" in line
    )
    assert f"apache/airflow:{pins['apache-airflow']}-python3.11" in images
    for image in images:
        assert image.startswith("candlehouse") or re.search(r":\d+\.\d+\.\d+", image), image


def test_compose_names_only_what_exists() -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    sources = re.findall(r"COPY (?:--\S+ )*(\S+) \S+", text) + re.findall(r"- (\./\S+?):", text)
    assert {"requirements.txt", "dags", "plugins", "include"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
    modules = re.findall(r"python -m (\S+)|from (candlehouse[\w.]*) import", text)
    assert len(modules) > 2
    for names in modules:
        path = (ROOT / "include" / "/".join("".join(names).split("."))).as_posix()
        assert Path(f"{path}.py").exists() or Path(path, "__main__.py").exists(), names


def test_compose_services_wait_for_the_migration(
    compose: Compose,
) -> None:
    services = compose["services"]
    assert {"database", "migrate", "scheduler", "dag-processor", "triggerer", "api-server"} == set(
        services
    )
    for name in set(services) - {"database", "migrate"}:
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"}
        }
        assert "healthcheck" in services[name], name
    assert "healthcheck" in services["database"]


def test_check_script_runs_the_make_targets() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^ *make (\S+)", script, re.MULTILINE)
    assert targets == ["lint", "coverage", "docs", "unit"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_command_is_in_the_reference() -> None:
    page = ROOT / "docs/reference/command-line.md"
    table = page.read_text().partition("| command | does |")[2]
    documented = table.partition("\n\n")[0]
    assert [name for name in COMMANDS if f"`{name}" not in documented] == []
