#!/usr/bin/env bash
# Writes the lists that name every optimizer: in pages, in code, in what programs import. They come from the classes and from
# docs/optimizers. Review the diff.
set -euo pipefail
cd "$(dirname "$0")/.."
OPTIMSHARP_UPDATE=1 dotnet test --project tests/OptimSharp.Docs.Tests -- --filter-class '*.ListTests'
