"""An environment of its own for the comparison with other simulators: never a test dependency.

    python benchmarks/peers/install.py [.peers] [--crosssim PATH]

aihwkit 1.2.0 is built from its source distribution against torch 2.13.0, in about 6 minutes; its
newest wheel, 1.1.0, fails on every ``set_weights`` with a current torch. Needs a C++ compiler and
the headers of OpenBLAS (Debian: ``g++ libopenblas-dev``). We found CrossSim on no package
index: name a checkout of sandialabs/cross-sim, version 3.2.0, or leave it out of the comparison.
aimcsim itself goes in as well, so that all of them run in one process.
"""

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
TORCH, AIHWKIT = "torch==2.13.0", "aihwkit==1.2.0"
# Of aihwkit's stated dependencies, those that building and its tiles need.
TOOLS = ("setuptools>=77,<81", "wheel", "scikit-build>=0.18.1", "pybind11>=3.0.1", "ninja",
         "cmake>=4.2.1", "mypy")  # fmt: skip
IMPORTED = ("numpy", "scipy", "scikit-learn", "requests", "protobuf", "tqdm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".peers")
    parser.add_argument("--crosssim", type=Path, help="checkout of CrossSim 3.2.0")
    options = parser.parse_args()
    venv.create(options.folder, with_pip=True, symlinks=True)
    bin_folder = options.folder.resolve() / "bin"
    # The build calls cmake and ninja by name: those of the environment.
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}

    def pip(*arguments: str) -> None:
        command = [str(bin_folder / "python"), "-m", "pip", "install", *arguments]
        print("+", *command, flush=True)
        if subprocess.run(command, env=environment).returncode:
            sys.exit("The command above failed; see its messages, and this script's docstring.")

    pip(TORCH, *TOOLS, *IMPORTED)
    pip("--no-build-isolation", "--no-deps", "--no-binary", "aihwkit", AIHWKIT)
    pip("--editable", str(ROOT))
    if options.crosssim:
        pip(str(options.crosssim))
    print(f"Now: {bin_folder / 'python'} benchmarks/peers/compare.py")


if __name__ == "__main__":
    main()
