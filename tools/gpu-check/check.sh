#!/usr/bin/env bash
# Tests and times OptimSharp.Cuda on the card of this machine. See README.md. Ends with the tests' exit code.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/tools/gpu-check/out
cd "$root"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv 2>/dev/null
OPTIMSHARP_CUDA_DEVICE=${1:-0} DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "$out/tests/OptimSharp.Cuda.Tests" -showliveoutput | grep -vE 'Discover|Starting'
code=${PIPESTATUS[0]}
"$out/speed/CudaSpeed" "${1:-0}"
python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null && python3 "$root/bench/pytorch_cuda.py" "${1:-0}"
exit "$code"
