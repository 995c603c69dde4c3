"""The examples of how to run the service are read by those who must read them, where these are."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from reseen.store import sealing

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def example(begins: str) -> str:
    """The block of docs/service.md that begins so."""
    page = (ROOT / "docs" / "service.md").read_text()
    found = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (block,) = [block for block in found if block.startswith(begins)]
    assert isinstance(block, str)
    return block


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "reseen"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "reseen.service"
    unit.write_text(example("[Unit]").replace("/opt/reseen/bin/reseen", str(program)))
    done = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "reseen.service" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_nginx_takes_the_server(tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path=SBIN)
    openssl = shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("nginx or openssl is not installed")
    made = f"{openssl} req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=x"
    subprocess.run(made.split(), cwd=tmp_path, capture_output=True, check=True)
    server = example("server {").replace(
        "listen 443 ssl;",
        f"listen 127.0.0.1:1 ssl; ssl_certificate {tmp_path}/c.pem; "
        f"ssl_certificate_key {tmp_path}/k.pem;",
    )
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f"events {{}}\npid {tmp_path}/pid;\nhttp {{\naccess_log off;\n"
        f"client_body_temp_path {tmp_path};\n{server}}}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-c", str(conf), "-e", "stderr"], capture_output=True, text=True, check=False
    )
    assert "syntax is ok" in done.stderr, done.stderr


def test_the_compose_file_keeps_secrets_in_files_and_roots_unwritten() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert {each["file"] for each in compose["secrets"].values()} == {
        f"secrets/{name}" for name in compose["secrets"]
    }
    for name, service in services.items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        for variable, value in service["environment"].items():
            secret = re.search(r"PASSWORD|KEY|RESEEN_DB", variable)
            assert not secret or (variable.endswith("_FILE") and value.startswith("/run/secrets/"))
    for name in ("upgrade", "reseen"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["database"]["healthcheck"]["test"]
    assert all(port.startswith("127.0.0.1:") for port in services["reseen"]["ports"])
    assert compose["networks"]["inside"]["internal"] is True


@pytest.mark.parametrize("told", ["compose.yaml", "try-compose"])
def test_the_secrets_of_compose_are_readable_to_the_image_and_to_nobody_else(
    tmp_path: Path, told: str
) -> None:
    """A key that others can read is not taken, and the image's user must be able to read it."""
    text = (DEPLOY / told).read_text()
    (mode,) = re.findall(r"chmod (\d+) secrets/\*", text)
    (owner, files) = re.findall(r"chown (\S+) (secrets/.*?)(?:  |\n)", text)[0]
    assert files.split() == ["secrets/key", "secrets/database-url"]
    assert f"\nUSER {owner}\n" in (DEPLOY / "Containerfile").read_text()
    key = tmp_path / "key"
    key.write_text("5e" * 32)
    key.chmod(int(mode, 8))
    assert sealing.read_key(key) == bytes.fromhex("5e" * 32)


def test_the_proxy_before_compose_is_believed_at_the_networks_own_gateway() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service = compose["services"]["reseen"]
    trusted = service["command"][service["command"].index("--trusted-proxy") + 1]
    (network,) = compose["networks"]["outside"]["ipam"]["config"]
    assert trusted == network["gateway"]
    assert ipaddress.ip_address(trusted) in ipaddress.ip_network(network["subnet"])
    assert "outside" in service["networks"]


def test_the_image_runs_as_nobody_with_a_health_check_and_takes_no_more_than_is_needed() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert "\nUSER 65532:65532\n" in last
    assert "\nHEALTHCHECK " in last
    assert "\nVOLUME /data\n" in last
    assert "--require-hashes" in text
    copied = re.findall(r"^COPY (.+)$", text, re.MULTILINE)
    for each in copied:
        for source in each.split()[:-1]:
            assert source.startswith(("--from", "/")) or (ROOT / source).exists()
    assert not any(each.split()[0] == "." for each in copied)
