#!/usr/bin/env bash
# Makes the documentation site in artifacts/site/html: the pages, with docs/ as their source, and the API reference, by DocFX. A warning is an error.
# "tools/site.sh --serve" shows it on http://localhost:8080.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet tool restore
dotnet run --project tools/site -- . artifacts/site/pages
rm -rf artifacts/site/html
dotnet docfx tools/site/docfx.json --warningsAsErrors "$@"
