"""Makes the wheel of this package (PEP 517, PEP 427): its files, and what is said of them.

Needs nothing beyond Python, so that 'pip install' needs no network, and writes nothing beside the sources.
"""
import base64
import hashlib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
NAME, VERSION = "mlrepo", "0.1.0"
ABOUT = f"""Metadata-Version: 2.1
Name: {NAME}
Version: {VERSION}
Summary: What a Python process reads, writes and measures, recorded by mlrepo
Requires-Python: >=3.9
"""
WHEEL = "Wheel-Version: 1.0\nGenerator: plain_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build(directory, files):
    """Writes a wheel; returns its name."""
    information = f"{NAME}-{VERSION}.dist-info"
    files = {**files, f"{information}/METADATA": ABOUT.encode(), f"{information}/WHEEL": WHEEL.encode()}
    lines = [f"{path},{digest(content)},{len(content)}" for path, content in files.items()]
    record = f"{information}/RECORD"
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    name = f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            # Always of the same time: the same sources are the same wheel.
            archive.writestr(zipfile.ZipInfo(path), content)
    return name


def digest(content):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return build(wheel_directory, {
        f"{NAME}/{path.name}": path.read_bytes() for path in sorted((HERE / NAME).glob("*.py"))})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return build(wheel_directory, {f"{NAME}.pth": f"{HERE}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("the sources are a directory of mlrepo's own repository")
