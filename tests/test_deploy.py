"""What runs Coxa elsewhere, as far as it can be held to without running it: it parses, and says what the code says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import Settings, SettingsError, read_settings

HOUSE = Path(__file__).parent.parent
DEPLOY = HOUSE / "deploy"
SETTINGS = {f"COXA_{name.upper()}" for name in Settings.model_fields}
YAMLS = sorted(DEPLOY.rglob("*.yaml"))
JSONS = sorted(DEPLOY.rglob("*.json"))


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all(read(name)))


def kind(name: str) -> Any:
    [found] = [one for one in documents("kubernetes.yaml") if one["kind"] == name]
    return found


def images() -> Iterator[str]:
    """Give every image that is named anywhere."""
    yield from (service["image"] for service in documents("compose.yaml")[0]["services"].values())
    yield from (one["image"] for one in kind("Deployment")["spec"]["template"]["spec"]["containers"])
    yield from re.findall(r"^ARG PYTHON=(\S+)", read("Dockerfile"), re.MULTILINE)


def test_the_example_names_every_setting_once_with_a_line_that_explains_it() -> None:
    lines = read("env.example").splitlines()
    found = [(number, one[1]) for number, line in enumerate(lines) if (one := re.match(r"#?(COXA_\w+)=", line))]
    names = [name for _, name in found]
    assert sorted(names) == sorted(SETTINGS)
    for number, name in found:
        assert re.match(r"# \S.*[.;]$", lines[number - 1]), name


@pytest.mark.parametrize("path", [*YAMLS, *JSONS], ids=lambda path: path.name)
def test_it_can_be_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [json.loads(text)] if path.suffix == ".json" else list(yaml.safe_load_all(text))


def test_no_file_names_a_setting_that_is_not_there() -> None:
    for path in (*YAMLS, DEPLOY / "Dockerfile", DEPLOY / "coxa.service", DEPLOY / "README.md"):
        named = set(re.findall(r"\bCOXA_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
        assert named - SETTINGS - {"COXA_HOST"} == set(), path.name  # COXA_HOST is the proxy's


def test_every_image_has_an_exact_tag() -> None:
    named = list(images())
    assert len(named) >= 7
    for image in named:
        assert re.search(r":v?\d+\.\d+(\.\d+)?[\w.-]*(@sha256:[0-9a-f]{64})?$", image), image
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert ":latest" not in path.read_text(encoding="utf-8"), path


def test_nobody_runs_as_root() -> None:
    users = re.findall(r"^USER (\S+)", read("Dockerfile"), re.MULTILINE)
    assert users
    assert users[-1].partition(":")[0] not in ("0", "root")
    pod = kind("Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert str(pod["securityContext"]["runAsUser"]) == users[-1].partition(":")[0]
    assert re.search(r"^User=(?!root$|0$)\S+$", read("coxa.service"), re.MULTILINE)


def test_the_bots_can_write_nowhere_but_in_their_folders() -> None:
    [bot] = kind("Deployment")["spec"]["template"]["spec"]["containers"]
    held = bot["securityContext"]
    assert held["readOnlyRootFilesystem"] is True
    assert held["allowPrivilegeEscalation"] is False
    assert held["capabilities"]["drop"] == ["ALL"]
    service = documents("compose.yaml")[0]["services"]["bot"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    unit = read("coxa.service").splitlines()
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
    ):
        assert line in unit


def test_the_image_is_made_of_hashes_and_keeps_no_tool_that_builds() -> None:
    build, final = re.split(r"^FROM .*$", read("Dockerfile"), flags=re.MULTILINE)[1:]
    assert "--require-hashes" in build
    assert "--no-index" in build
    assert "pip install" not in final
    assert "pip uninstall" in final
    assert (HOUSE / ".dockerignore").read_text(encoding="utf-8").splitlines()[1] == "*"
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", build, re.MULTILINE) for word in line.split()}
    allowed = re.findall(r"^!(\S+)", (HOUSE / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert copied == set(allowed)
    assert all((HOUSE / name).exists() for name in allowed)


def test_health_is_asked_for_where_it_is_answered() -> None:
    listens = re.search(r"COXA_METRICS_LISTEN=\S+:(\d+)", read("Dockerfile"))
    assert listens is not None
    assert f":{listens[1]}/healthz" in read("Dockerfile")
    [bot] = kind("Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in bot["ports"]}
    assert ports["metrics"] == int(listens[1])
    assert bot["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert bot["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    [job] = documents("prometheus.yaml")[0]["scrape_configs"]
    assert job["dns_sd_configs"][0]["port"] == int(listens[1])


def test_two_bots_outlive_one_that_is_taken_away() -> None:
    assert kind("Deployment")["spec"]["replicas"] == 2
    assert kind("PodDisruptionBudget")["spec"]["minAvailable"] == 1
    assert documents("compose.yaml")[0]["services"]["bot"]["deploy"]["replicas"] == 2


def test_no_secret_is_written_down() -> None:
    assert [one for one in documents("kubernetes.yaml") if one["kind"] == "Secret"] == []
    secret = {
        f"COXA_{name.upper()}" for name, held in Settings.model_fields.items() if "Secret" in str(held.annotation)
    }
    assert {"COXA_TELEGRAM_TOKEN", "COXA_WEBHOOK_SECRET"} <= secret
    for name in ("compose.yaml", "kubernetes.yaml", "coxa.service", "Dockerfile"):
        given = set(re.findall(r"\b(COXA_\w+)[=:] *\S", read(name)))
        assert given & secret == set(), name
    for name in re.findall(r"(coxa_\w+):", read("compose.yaml")):
        assert name.upper() in secret, name


def test_the_proxy_passes_on_what_telegram_sends_and_nothing_else() -> None:
    caddy = read("Caddyfile")
    assert re.findall(r"^\s*path (.+)$", caddy, re.MULTILINE) == ["/telegram"]
    assert "respond 404" in caddy
    [rule] = kind("Ingress")["spec"]["rules"]
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [("/telegram", "Exact")]


def test_every_alert_leads_to_a_part_of_the_runbook() -> None:
    rules = [rule for group in documents("alerts.yaml")[0]["groups"] for rule in group["rules"]]
    assert any(rule["labels"]["severity"] == "page" for rule in rules)
    for rule in rules:
        what = rule["annotations"]["what"]
        assert re.search(rf"^(## {re.escape(what)}$|\*\*{re.escape(what)}\.\*\*)", read("README.md"), re.MULTILINE), (
            what
        )


def test_every_panel_asks_the_source_that_is_provisioned() -> None:
    [source] = documents("grafana/provisioning/datasources/prometheus.yaml")[0]["datasources"]
    panels = json.loads(read("grafana/dashboards/coxa.json"))["panels"]
    asked = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert asked == {source["uid"]}


def test_a_secret_may_be_a_file_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "coxa_telegram_token").write_text("1:of-the-file\n", encoding="utf-8")
    monkeypatch.setenv("COXA_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("COXA_TELEGRAM_TOKEN", raising=False)
    assert read_settings().telegram().get_secret_value() == "1:of-the-file"
    monkeypatch.setenv("COXA_TELEGRAM_TOKEN", "1:of-the-environment")
    assert read_settings().telegram().get_secret_value() == "1:of-the-environment"
    monkeypatch.setenv("COXA_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="COXA_SECRETS_DIR"):
        read_settings()
