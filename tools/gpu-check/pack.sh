#!/usr/bin/env bash
# Publishes what check.sh runs, for Linux on x64: to tools/gpu-check/out.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/tools/gpu-check/out
rm -rf "$out"
dotnet publish "$root/tests/OptimSharp.Cuda.Tests" -c Release -r linux-x64 --self-contained -o "$out/tests"
dotnet publish "$root/bench/CudaSpeed" -c Release -r linux-x64 -o "$out/speed"
find "$out" \( -name '*.pdb' -o -name '*.dbg' -o -name '*.xml' \) -delete
du -sh "$out"
