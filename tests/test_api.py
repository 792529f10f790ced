import subprocess
import sys

import ser_batch


def test_importing_is_light():
    code = (
        "import sys, ser_batch; print(sorted({'numpy', 'click', 'tensorflow', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_annotate_does_what_the_command_does(samples, tmp_path, capfd):
    summary = ser_batch.annotate(samples / "diary", tmp_path / "out", formats=["json"], jobs=1)
    assert summary.exit_code == 0
    assert summary.files == 2
    assert (tmp_path / "out" / "annotations.json").exists()
    assert not (tmp_path / "out" / "files.csv").exists()
    assert capfd.readouterr() == ("", "")


def test_version_is_the_package_s():
    from importlib.metadata import version

    assert ser_batch.__version__ == version("ser-batch")
