import pytest


@pytest.fixture
def folder(tmp_path):
    """Write files to a folder of images: name → content."""

    def write(files):
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return tmp_path

    return write
