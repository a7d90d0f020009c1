#!/usr/bin/env bash
# Has NVIDIA's assembler take all kernels, for several generations of cards, and looks whether it fused anything. Needs no card. See README.md.
# With a folder (a toolkit's bin) it takes ptxas and nvdisasm from there; else from Debian's package, which is downloaded and unpacked, not installed.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-}
if [ -z "$folder" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial"
  # From where the system has its packages.
  apt-get --print-uris update | grep -oP "^'\K[^']*/dists/[a-z]+(?=/InRelease')" | head -n 1 | sed -E 's|^(.*)/dists/(.*)$|deb \1 \2 non-free|' >"$work/sources.list"
  from=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists")
  apt-get -qq "${from[@]}" update
  (cd "$work" && apt-get -qq "${from[@]}" -o APT::Sandbox::User=root download nvidia-cuda-toolkit && dpkg -x nvidia-cuda-toolkit_*.deb toolkit)
  folder=$work/toolkit/usr/bin
fi
"$folder/ptxas" --version | tail -n 2
dotnet build "$root/tests/OptimSharp.Cuda.Tests" -v q
OPTIMSHARP_PTXAS=$folder "$root/tests/OptimSharp.Cuda.Tests/bin/Debug/net10.0/OptimSharp.Cuda.Tests" -class '*.AssemblerTests' -showliveoutput
