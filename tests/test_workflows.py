"""The workflows: who may start them, what they may do, and that they run the one script."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(path):
    workflow = yaml.safe_load(path.read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the word `on` as true
    return workflow


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_all_three_are_there():
    assert [path.name for path in WORKFLOWS] == ["book.yml", "ci.yml", "gpu.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_may_little_and_ends(path):
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] > 0
    for step in steps(workflow):
        action = step.get("uses", "")
        assert not action or re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action), action
        if action.startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
        assert "${{" not in step.get("run", ""), "text from outside must not become a command"
    assert all(
        re.search(r"# v\d", line) for line in path.read_text().splitlines() if "uses" in line
    )


def test_ci_runs_the_same_script_as_anybody():
    workflow = read(ROOT / ".github" / "workflows" / "ci.yml")
    assert set(workflow["on"]) == {"push", "pull_request"}
    assert ".ci/run" in [step.get("run") for step in steps(workflow)]
    assert workflow["jobs"]["ci"]["timeout-minutes"] <= 40
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_a_book_is_published_only_from_a_tag_and_after_its_check():
    workflow = read(ROOT / ".github" / "workflows" / "book.yml")
    assert workflow["on"]["push"] == {"tags": ["v*"]}
    assert workflow["jobs"]["publish"]["if"] == "github.ref_type == 'tag'"
    assert workflow["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    commands = [
        step.get("run", step.get("uses", "")) for step in workflow["jobs"]["build"]["steps"]
    ]
    names = " ".join(commands)
    assert names.index("make book") < names.index("book/check.py") < names.index("upload-pages")


def test_the_gpu_machine_runs_nothing_but_main():
    workflow = read(ROOT / ".github" / "workflows" / "gpu.yml")
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    job = workflow["jobs"]["paper"]
    assert job["if"] == "github.ref == 'refs/heads/main'"
    assert {"self-hosted", "gpu"} <= set(job["runs-on"])
    assert any("PROFILE=paper" in step.get("run", "") for step in job["steps"])
    uploads = [step["with"]["path"] for step in job["steps"] if "upload" in step.get("uses", "")]
    assert uploads == ["data/runs", "_build/html"]
